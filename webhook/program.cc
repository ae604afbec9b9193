#include "webhook/program.h"

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "common/cli/flags.h"
#include "common/cli/service.h"
#include "common/httpd/web_config.h"
#include "common/playbook/bundle.h"
#include "webhook/access.h"
#include "webhook/actuator/program.h"
#include "webhook/app.h"
#include "webhook/fault_helper.h"

namespace heal::webhook {
namespace {

/// Says why web.config.yml, or what it makes of heal.yml's users, cannot be used.
Status check_web(const AppOptions& options, const playbook::HealConfig& config) {
  if (options.web_config_file.empty()) return {};
  HEAL_TRY(const httpd::WebConfig web, httpd::check_web_config(options.web_config_file));
  return check_access(options, config, web);
}

/// `--config.check` and `--config.print`: says what is in the files, and ends.
int show_config(const cli::ServiceFlags& flags, const AppOptions& options) {
  const playbook::LoadResult loaded = playbook::load(flags.config_file);
  std::fputs(loaded.diagnostics.render().c_str(), stderr);
  if (!loaded.bundle) return cli::kExitFailed;
  if (flags.config_print) {
    std::fputs(playbook::print_config(loaded.bundle->config).c_str(), stdout);
    return cli::kExitOk;
  }
  const Status web = check_web(options, loaded.bundle->config);
  if (!web.has_value()) {
    std::fprintf(stderr, "%s\n", web.error().message().c_str());
    return cli::kExitFailed;
  }
  std::printf("%s: good, with %zu playbook(s) and %zu route(s)\n", flags.config_file.c_str(),
              loaded.bundle->playbooks.size(), loaded.bundle->config.routes.size());
  return cli::kExitOk;
}

int serve(AppOptions options, const Logger& logger) {
  // Every mistake of the files for people, before the one line of the log.
  const playbook::LoadResult loaded = playbook::load(options.config_file);
  std::fputs(loaded.diagnostics.render().c_str(), stderr);
  if (!loaded.bundle) {
    logger.error("the configuration cannot be used", {{"err", loaded.diagnostics.to_error()}});
    return cli::kExitFailed;
  }
  auto app = App::create(std::move(options), system_ports(), logger);
  if (!app.has_value()) {
    logger.error("cannot start", {{"err", app.error()}});
    return cli::kExitFailed;
  }
  return cli::run_service(**app, logger);
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  if (argc > 1 && std::string_view(argv[1]) == "fault-helper") return run_fault_helper(argc, argv);
  if (argc > 1 && std::string_view(argv[1]) == "actuator") return actuator::run_actuator(argc - 1, argv + 1);
  cli::block_signals();
  cli::ServiceFlags defaults;
  defaults.config_file = "heal.yml";
  defaults.listen_addresses = {"127.0.0.1:9095"};
  AppOptions options;
  bool is_insecure = false;
  cli::FlagParser parser("heal-webhook", "Receives alerts, heals what playbooks say, and proves that it helped.",
                         defaults);
  parser.add_option("--storage.path", options.storage_path, "folder of the service's memory");
  parser.add_flag("--web.insecure", is_insecure, "serve other machines without asking for credentials");
  parser.add_duration("--shutdown.grace", options.stop_grace, "how long a running step may take to end at a stop");
  parser.add_mode("actuator", "hold Docker's socket and filter it; must come first (heal-webhook actuator --help)");
  if (const auto code = parser.parse(argc, argv)) return *code;
  if (!parser.mode().empty()) {
    std::fputs("heal-webhook: \"actuator\" must be the first argument\n", stderr);
    return cli::kExitUsage;
  }
  const cli::ServiceFlags& flags = parser.flags();
  options.config_file = flags.config_file;
  options.listen = flags.listen_addresses;
  options.web_config_file = flags.web_config_file;
  if (is_insecure) options.exposure = AppOptions::Exposure::kInsecure;
  if (flags.config_check || flags.config_print) return show_config(flags, options);
  if (flags.systemd_socket) {
    auto passed = httpd::take_passed_sockets();
    if (!passed.has_value()) {
      std::fprintf(stderr, "heal-webhook: --web.systemd-socket: %s\n", passed.error().str().c_str());
      return cli::kExitFailed;
    }
    options.passed = std::move(*passed);
  }
  LoggerOptions log;
  log.level = flags.log_level;
  log.format = flags.log_format;
  return serve(std::move(options), Logger(std::move(log)));
}

}  // namespace heal::webhook
