#include "webhook/actuator/program.h"

#include <cstdio>
#include <grp.h>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/text.h"
#include "common/cli/flags.h"
#include "common/cli/service.h"
#include "webhook/actuator/app.h"
#include "webhook/actuator/config.h"

namespace heal::actuator {
namespace {

int usage_error(std::string_view text) {
  std::fprintf(stderr, "heal-webhook actuator: %.*s\nTry heal-webhook actuator --help\n", static_cast<int>(text.size()),
               text.data());
  return cli::kExitUsage;
}

/// `0660`; nullopt for what is no mode.
std::optional<std::uint32_t> parse_mode(std::string_view text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != std::string_view::npos)
    return std::nullopt;
  std::uint32_t mode = 0;
  for (const char digit : text)
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  return mode <= 0777 ? std::optional(mode) : std::nullopt;
}

/// A group's number by its number or name.
std::optional<std::uint32_t> parse_group(const std::string& text) {
  if (const auto number = parse_int(text)) {
    return *number >= 0 && *number < 0xFFFFFFFF ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
  }
  const group* found = ::getgrnam(text.c_str());
  return found == nullptr ? std::nullopt : std::optional<std::uint32_t>(found->gr_gid);
}

/// `unix:///var/run/docker.sock` as a path; "" for anything but a unix socket.
std::string socket_of(const std::string& host) {
  if (host.starts_with("unix://")) return host.substr(7);
  return host.starts_with('/') ? host : "";
}

/// Reads the files for `--config.check` and `--config.print`, and once before the start for people.
int show_config(const cli::ServiceFlags& flags, bool is_quiet) {
  config::Diagnostics diagnostics;
  const auto config = load_actuator_config(flags.config_file, diagnostics);
  std::fputs(diagnostics.render().c_str(), stderr);
  if (!config) return cli::kExitFailed;
  if (flags.config_print) {
    std::fputs(print_config(*config).c_str(), stdout);
  } else if (!is_quiet) {
    std::printf("%s: good, with %zu rule(s)\n", flags.config_file.c_str(), config->allow.size());
  }
  return cli::kExitOk;
}

int serve(ActuatorOptions options, const Logger& logger) {
  auto ports = system_actuator_ports(options.docker_host);
  auto app = ActuatorApp::create(std::move(options), std::move(ports), logger);
  if (!app) {
    logger.error("cannot start", {{"err", app.error()}});
    return cli::kExitFailed;
  }
  return cli::run_service(**app, logger);
}

}  // namespace

int run_actuator(int argc, const char* const* argv) {
  cli::block_signals();
  cli::ServiceFlags defaults;
  defaults.config_file = "actuator.yml";
  ActuatorOptions options;
  std::string mode = "0660", group;
  cli::FlagParser parser("heal-webhook actuator",
                         "Holds Docker's socket, and passes on what actuator.yml allows and nothing else.", defaults,
                         cli::FlagParser::FlagSet::kWithoutWeb);
  parser.add_option("--socket.path", options.socket_path, "the socket that is served instead of Docker's");
  parser.add_option("--socket.mode", mode, "its file mode, in octal");
  parser.add_option("--socket.group", group, "its group, by name or number; the process's own if not given");
  parser.add_option("--docker.host", options.docker_host, "Docker's own socket: a path or unix:///path");
  parser.add_option("--web.telemetry-address", options.telemetry_listen,
                    "where /metrics and /-/healthy are served; nowhere if not given (repeatable)");
  if (const auto code = parser.parse(argc, argv)) return *code;
  const auto parsed_mode = parse_mode(mode);
  if (!parsed_mode) return usage_error("--socket.mode: expected an octal mode up to 0777");
  options.socket_mode = *parsed_mode;
  if (!group.empty()) options.socket_group = parse_group(group);
  if (!group.empty() && !options.socket_group) return usage_error("--socket.group: there is no such group");
  options.docker_host = socket_of(options.docker_host);
  if (options.docker_host.empty()) return usage_error("--docker.host: expected a path or unix:///path");
  const cli::ServiceFlags& flags = parser.flags();
  if (flags.config_check || flags.config_print) return show_config(flags, false);
  if (const int code = show_config(flags, true); code != cli::kExitOk) return code;
  options.config_file = flags.config_file;
  LoggerOptions log;
  log.level = flags.log_level;
  log.format = flags.log_format;
  return serve(std::move(options), Logger(std::move(log)));
}

}  // namespace heal::actuator
