#include "exporter/app.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sys/resource.h>
#include <thread>

#include "common/base/text.h"
#include "common/system/docker_engine.h"
#include "common/system/probe_io.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"
#include "exporter/pages.h"
#include "heal_version.h"

namespace heal::exporter {
namespace {

/// Connections beyond the probes in flight: scrapes, people, health checks.
constexpr std::size_t kSpareConnections = 512;
constexpr std::size_t kMostLoops = 4;

Result<ExporterConfig> load(const std::string& file) {
  config::Diagnostics diagnostics;
  std::optional<ExporterConfig> config = load_config(file, diagnostics);
  if (!config) return Error(ErrorCode::kInvalid, diagnostics.render());
  return *std::move(config);
}

std::vector<ProbeIo*> pointers(const std::vector<std::unique_ptr<ProbeIo>>& loops) {
  std::vector<ProbeIo*> out;
  out.reserve(loops.size());
  for (const auto& loop : loops)
    out.push_back(loop.get());
  return out;
}

/// Every probe needs a descriptor or two; the soft limit is often 1024 for no reason but history.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

ExporterWorld ExporterWorld::real() {
  ExporterWorld world;
  world.clock = std::make_unique<SystemClock>();
  world.random = std::make_unique<SystemRandom>();
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < std::min(cores, kMostLoops); ++i) {
    world.loops.push_back(std::make_unique<system::SystemProbeIo>());
  }
  world.make_engine = [](const DockerWatchConfig& watch) -> std::unique_ptr<ContainerEngine> {
    return std::make_unique<DockerEngine>(DockerEndpoint{watch.unix_socket});
  };
  return world;
}

Result<std::unique_ptr<ExporterApp>> ExporterApp::create(ExporterOptions options, ExporterWorld world, Logger logger) {
  HEAL_TRY(ExporterConfig config, load(options.flags.config_file));
  std::unique_ptr<ExporterApp> app(
      new ExporterApp(std::move(options), std::move(world), std::move(logger), std::move(config)));
  HEAL_TRY_STATUS(app->make_server());
  app->add_collectors();
  app->add_routes();
  return app;
}

ExporterApp::ExporterApp(ExporterOptions options, ExporterWorld world, Logger logger, ExporterConfig config)
    : options_(std::move(options)),
      world_(std::move(world)),
      logger_(std::move(logger)),
      metrics_("heal_exporter"),
      reload_metrics_(metrics_, "heal_exporter"),
      blackbox_reload_metrics_(metrics_, "blackbox_exporter"),
      scheduler_metrics_(metrics_),
      history_(options_.history_limit),
      config_(std::make_shared<const ExporterConfig>(std::move(config))),
      runtime_(std::make_shared<const Runtime>()),
      engine_(pointers(world_.loops), *world_.clock),
      probe_handler_({options_.timeout_offset, options_.max_in_flight}, engine_, config_, history_, metrics_) {}

ExporterApp::~ExporterApp() {
  stop();
}

Status ExporterApp::make_server() {
  httpd::ServerOptions server;
  server.listen = options_.flags.listen_addresses;
  server.web_config_file = options_.flags.web_config_file;
  server.limits.connections = options_.max_in_flight + kSpareConnections;
  server.workers = 4;
  server.queue = options_.max_in_flight;
  server.metrics_prefix = "heal_exporter";
  HEAL_TRY(server_, httpd::HttpServer::create(std::move(server), logger_, metrics_));
  return {};
}

void ExporterApp::add_routes() {
  using httpd::HttpRequest;
  using httpd::HttpResponse;
  server_->handle_deferred("GET", "/probe", [this](const HttpRequest& request, httpd::Responder responder) {
    probe_handler_.handle(request, std::move(responder));
  });
  server_->get("/", [this](const HttpRequest&) { return HttpResponse::html(200, start_page(history_)); });
  server_->get("/config", [this](const HttpRequest&) { return HttpResponse::text(200, config_.get()->yaml()); });
  server_->get("/logs", [this](const HttpRequest& request) { return logs_page(request); });
  cli::add_admin_routes(*server_, metrics_, {[this] { return reload(); }, nullptr, ""});
}

httpd::HttpResponse ExporterApp::logs_page(const httpd::HttpRequest& request) const {
  const std::optional<std::int64_t> id = parse_int(request.param("id").value_or(""));
  if (!id) return httpd::HttpResponse::text(500, "Invalid probe id\n");
  const std::shared_ptr<const HistoryEntry> entry = history_.find(*id);
  if (!entry) return httpd::HttpResponse::text(404, "Probe id not found\n");
  return httpd::HttpResponse::text(200, debug_text(*entry->module, entry->result));
}

void ExporterApp::add_collectors() {
  metrics_.add_collector([this](ExpositionWriter& out) {
    out.gauge("blackbox_exporter_build_info", "The version of heal-exporter under blackbox_exporter's name; always 1.",
              1, {{"branch", ""}, {"goversion", ""}, {"revision", kRevision}, {"version", kVersion}});
    out.gauge("heal_exporter_probes_in_flight", "Probes that run now.", static_cast<double>(engine_.in_flight()));
    const std::shared_ptr<const Runtime> runtime = runtime_.get();
    if (runtime->scheduler) write_probe_series(runtime->scheduler->series(), out);
    write_watches(runtime->watches, out);
  });
}

void ExporterApp::prepare_modules(const ExporterConfig& config) {
  for (const auto& [name, module] : config.modules) {
    const Status prepared = engine_.prepare(*module);
    if (prepared.has_value()) continue;
    logger_.warn("probes of this module will fail", {{"module", name}, {"err", prepared.error()}});
  }
}

std::shared_ptr<const ExporterApp::Runtime> ExporterApp::bring_up(const ExporterConfig& config, const Runtime& old) {
  auto runtime = std::make_shared<Runtime>();
  for (const DockerWatchConfig& watch : config.docker) {
    const auto same = std::find_if(old.watches.begin(), old.watches.end(),
                                   [&](const auto& running) { return running->config() == watch; });
    if (same != old.watches.end()) {
      runtime->watches.push_back(*same);
      continue;
    }
    runtime->watches.push_back(std::make_shared<DockerWatch>(watch, world_.make_engine(watch), *world_.clock, logger_));
    runtime->watches.back()->start();
  }
  runtime->scheduler = std::make_shared<ProbeScheduler>(
      ProbeScheduler::Context{engine_, *world_.clock, *world_.random, scheduler_metrics_, options_.max_in_flight},
      config, old.scheduler.get());
  if (old.scheduler) old.scheduler->stop();
  runtime->scheduler->start();
  return runtime;
}

Status ExporterApp::start() {
  raise_descriptor_limit();
  MutexLock lock(reload_mutex_);
  const std::shared_ptr<const ExporterConfig> config = config_.get();
  prepare_modules(*config);
  HEAL_TRY_STATUS(server_->start());
  runtime_.set(bring_up(*config, {}));
  reload_metrics_.succeeded(world_.clock->now());
  blackbox_reload_metrics_.succeeded(world_.clock->now());
  for (const std::string& address : server_->addresses())
    logger_.info("listening", {{"address", address}});
  return {};
}

Status ExporterApp::reload() {
  MutexLock lock(reload_mutex_);
  Result<ExporterConfig> loaded = load(options_.flags.config_file);
  Status reloaded = loaded.has_value() ? server_->reload() : Status(loaded.error());
  if (!reloaded.has_value()) {
    reload_metrics_.failed();
    blackbox_reload_metrics_.failed();
    return reloaded;
  }
  const auto config = std::make_shared<const ExporterConfig>(*std::move(loaded));
  prepare_modules(*config);
  config_.set(config);
  runtime_.set(bring_up(*config, *runtime_.get()));
  reload_metrics_.succeeded(world_.clock->now());
  blackbox_reload_metrics_.succeeded(world_.clock->now());
  logger_.info("configuration reloaded", {{"modules", config->modules.size()}});
  return {};
}

void ExporterApp::stop() {
  // No new probes, then the answers of those in flight, then their transport.
  const std::shared_ptr<const Runtime> runtime = runtime_.get();
  if (runtime->scheduler) runtime->scheduler->stop();
  for (const auto& watch : runtime->watches)
    watch->stop();
  engine_.stop();
  if (server_) server_->stop();
}

namespace {

/// Seconds with a fraction, as blackbox_exporter's flag has it.
std::optional<Duration> parse_seconds(const std::string& text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return from_seconds(seconds);
}

int check_or_print(const cli::ServiceFlags& flags) {
  config::Diagnostics diagnostics;
  const std::optional<ExporterConfig> config = load_config(flags.config_file, diagnostics);
  std::fputs(diagnostics.render().c_str(), stderr);
  if (!config) return cli::kExitFailed;
  if (flags.config_print) std::fputs(config->yaml().c_str(), stdout);
  if (flags.config_check) std::fprintf(stderr, "%s is good\n", flags.config_file.c_str());
  return cli::kExitOk;
}

int serve(ExporterOptions options) {
  LoggerOptions log;
  log.level = options.flags.log_level;
  log.format = options.flags.log_format;
  const Logger logger(log);
  const std::string file = options.flags.config_file;
  Result<std::unique_ptr<ExporterApp>> app =
      ExporterApp::create(std::move(options), ExporterWorld::real(), logger.component("exporter"));
  if (!app.has_value()) {
    std::fprintf(stderr, "%s\n", app.error().message().c_str());
    logger.error("cannot start", {{"config", file}});
    return cli::kExitFailed;
  }
  return cli::run_service(**app, logger);
}

}  // namespace

int run_exporter(int argc, const char* const* argv) {
  cli::block_signals();
  ExporterOptions options;
  cli::ServiceFlags defaults;
  defaults.config_file = "blackbox.yml";
  defaults.listen_addresses = {":9115"};
  cli::FlagParser parser("heal-exporter", "Probes services and watches containers for Prometheus.", defaults);
  std::string offset = "0.5";
  std::int64_t history = 100, in_flight = 10'000;
  parser.add_option("timeout-offset", offset, "seconds kept back of Prometheus' scrape time-out");
  parser.add_option("history.limit", history, "probes kept for / and /logs");
  parser.add_option("probe.max-in-flight", in_flight, "probes that may run at once; more are refused with 503");
  if (const std::optional<int> code = parser.parse(argc, argv)) return *code;
  const std::optional<Duration> timeout_offset = parse_seconds(offset);
  if (!timeout_offset || history < 0 || in_flight < 1) {
    std::fputs(
        "heal-exporter: --timeout-offset is seconds, --history.limit at least 0, --probe.max-in-flight at least "
        "1\n",
        stderr);
    return cli::kExitUsage;
  }
  options.flags = parser.flags();
  options.timeout_offset = *timeout_offset;
  options.history_limit = static_cast<std::size_t>(history);
  options.max_in_flight = static_cast<std::size_t>(in_flight);
  if (options.flags.config_check || options.flags.config_print) return check_or_print(options.flags);
  return serve(std::move(options));
}

}  // namespace heal::exporter
