#include "exporter/app.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sys/resource.h>
#include <system_error>
#include <thread>

#include "common/base/text.h"
#include "common/httpd/web_config.h"
#include "common/system/bus_units.h"
#include "common/system/curl_http_client.h"
#include "common/system/docker_engine.h"
#include "common/system/http_alertmanager_api.h"
#include "common/system/probe_io.h"
#include "common/system/proc_reader.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"
#include "exporter/pages.h"
#include "heal_version.h"

namespace heal::exporter {
namespace {

/// Connections beyond the probes in flight: scrapes, people, health checks.
constexpr std::size_t kSpareConnections = 512;
constexpr std::size_t kMostLoops = 4;
/// Logs of scheduled probes' failures that are kept: some megabytes.
constexpr std::size_t kFailureLogs = 1000;

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

/// An Alertmanager over HTTP; the client outlives the API that uses it.
std::shared_ptr<AlertmanagerApi> connect_alertmanager(const AlertmanagerConfig& config) {
  struct Kept {
    CurlHttpClient client;
    std::optional<HttpAlertmanagerApi> api;
  };
  ApiEndpoint endpoint;
  endpoint.url = config.url;
  endpoint.insecure_skip_verify = config.insecure_skip_verify;
  if (!config.username.empty()) endpoint.basic_auth.emplace(config.username, config.password);
  if (!config.ca_file.empty()) endpoint.ca_file = config.ca_file;
  auto kept = std::make_shared<Kept>();
  kept->api.emplace(kept->client, std::move(endpoint));
  return {kept, &*kept->api};
}

TargetFiles::Patterns patterns_of(const ExporterConfig& config) {
  TargetFiles::Patterns patterns;
  for (const ScheduledProbe& probe : config.probes) {
    if (!probe.files.empty()) patterns.emplace(probe.name, probe.files);
  }
  return patterns;
}

/// Room for as many probes as may run, each with the connection that asked for it and its own; the soft limit is often
/// 1024 for no reason but history, and who may raise the hard one does.
void raise_descriptor_limit(std::size_t probes, const Logger& logger) {
  const rlim_t needed = 2 * probes + kSpareConnections;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlimit raised{std::max(needed, limit.rlim_max), std::max(needed, limit.rlim_max)};
  if (limit.rlim_max >= needed || setrlimit(RLIMIT_NOFILE, &raised) != 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  logger.warn(
      "fewer files may be open than the probes that may run at once need: raise the limit (ulimit -Hn, "
      "LimitNOFILE=) or lower --probe.max-in-flight",
      {{"limit", static_cast<std::size_t>(limit.rlim_cur)}, {"needed", static_cast<std::size_t>(needed)}});
}

/// blackbox_exporter's family with its labels; what Go would say of itself is empty, versions are ours.
void write_blackbox_build_info(ExpositionWriter& out) {
#if defined(__aarch64__)
  constexpr const char* kArchitecture = "arm64";
#else
  constexpr const char* kArchitecture = "amd64";
#endif
  out.gauge("blackbox_exporter_build_info",
            "A metric with a constant '1' value labeled by version, revision, branch, goversion from which "
            "blackbox_exporter was built, and the goos and goarch for the build.",
            1,
            {{"branch", ""},
             {"goarch", kArchitecture},
             {"goos", "linux"},
             {"goversion", ""},
             {"revision", kRevision},
             {"version", kVersion}});
}

void write_tls_handshakes(const std::vector<std::unique_ptr<ProbeIo>>& loops, ExpositionWriter& out) {
  TlsHandshakes sum;
  for (const auto& loop : loops) {
    const TlsHandshakes counts = loop->tls_handshakes();
    sum.in_flight += counts.in_flight;
    sum.slow += counts.slow;
    sum.waiting += counts.waiting;
  }
  constexpr std::string_view kName = "heal_exporter_tls_handshakes";
  out.family(
      kName, MetricType::kGauge,
      "TLS handshakes of probes: in flight, waiting for their turn, and slow: in flight too, but kept waiting by "
      "their servers and so not counted against the limit.");
  out.sample(kName, static_cast<double>(sum.in_flight), {{"state", "in_flight"}});
  out.sample(kName, static_cast<double>(sum.slow), {{"state", "slow"}});
  out.sample(kName, static_cast<double>(sum.waiting), {{"state", "waiting"}});
}

}  // namespace

ExporterWorld ExporterWorld::real(std::size_t tls_handshakes) {
  ExporterWorld world;
  world.clock = std::make_unique<SystemClock>();
  world.random = std::make_unique<SystemRandom>();
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t loops = std::min(cores, kMostLoops);
  system::TlsLimits tls;
  if (tls_handshakes > 0) tls.at_once = (tls_handshakes + loops - 1) / loops;
  for (std::size_t i = 0; i < loops; ++i)
    world.loops.push_back(std::make_unique<system::SystemProbeIo>(tls));
  world.watched.make_engine = [](const DockerWatchConfig& watch) -> std::unique_ptr<ContainerEngine> {
    return std::make_unique<DockerEngine>(DockerEndpoint{watch.unix_socket});
  };
  world.watched.make_reader = [](const std::string& proc) { return std::make_shared<ProcReader>(proc); };
  world.watched.make_units = [](const std::string& bus) { return std::make_unique<BusUnits>(bus); };
  world.make_alertmanager = connect_alertmanager;
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
      blackbox_reload_metrics_(metrics_, "blackbox_exporter", "Blackbox exporter config loaded successfully.",
                               "Timestamp of the last successful configuration reload."),
      scheduler_metrics_(metrics_),
      alert_metrics_(metrics_),
      history_(options_.history_limit),
      failures_(kFailureLogs),
      config_(std::make_shared<const ExporterConfig>(std::move(config))),
      runtime_(std::make_shared<const Runtime>()),
      loop_lag_(metrics_.histogram("heal_exporter_loop_lag_seconds",
                                   "How long an event loop took to get to a probe: what a busy exporter adds to the "
                                   "times that probes measure.",
                                   {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1})),
      engine_(pointers(world_.loops), *world_.clock, [this](Duration lag) { loop_lag_.observe(to_seconds(lag)); }),
      probe_handler_({options_.timeout_offset, options_.max_in_flight}, engine_, config_, history_, metrics_),
      target_files_(*world_.clock, logger_) {
  reload_metrics_.succeeded(world_.clock->now());
  blackbox_reload_metrics_.succeeded(world_.clock->now());
}

ExporterApp::~ExporterApp() {
  stop();
}

Status ExporterApp::make_server() {
  httpd::ServerOptions server;
  server.listen = options_.flags.listen_addresses;
  server.passed = options_.passed;
  server.web_config_file = options_.flags.web_config_file;
  server.limits.connections = options_.max_in_flight + kSpareConnections;
  server.workers = 4;
  server.metrics_prefix = "heal_exporter";
  HEAL_TRY(server_, httpd::HttpServer::create(std::move(server), logger_, metrics_));
  return {};
}

void ExporterApp::add_routes() {
  using httpd::HttpRequest;
  using httpd::HttpResponse;
  const std::string& prefix = options_.paths.prefix;
  const auto probe = [this](const HttpRequest& request, httpd::Responder responder) {
    probe_handler_.handle(request, std::move(responder));
  };
  // It hands the probe to a loop: a thread in between would cost as much again.
  httpd::RouteOptions handed_on;
  handed_on.route_class = httpd::RouteClass::kLoop;
  server_->handle_deferred("GET", prefix + "/probe", probe, handed_on);
  server_->get(prefix + "/", [this](const HttpRequest& request) { return status_page(request); });
  server_->get(prefix + "/style.css", [](const HttpRequest&) { return style_sheet(); });
  if (!prefix.empty()) add_prefix_redirects();
  server_->get(prefix + "/config",
               [this](const HttpRequest&) { return HttpResponse::text(200, config_.get()->yaml()); });
  server_->get(prefix + "/logs", [this](const HttpRequest& request) { return logs_page(request); });
  cli::add_admin_routes(*server_, metrics_, {[this] { return reload(); }, nullptr, "", nullptr, prefix});
}

void ExporterApp::add_prefix_redirects() {
  const auto redirect_to = [](std::string url) {
    return [url = std::move(url)](const httpd::HttpRequest&) {
      httpd::HttpResponse response = httpd::HttpResponse::text(302, "Found\n");
      response.headers.emplace_back("Location", url);
      return response;
    };
  };
  // With the slash, so that the page's own links lead below the prefix.
  const WebPaths& paths = options_.paths;
  server_->get("/", redirect_to(paths.external_url.empty() ? paths.prefix + "/" : paths.external_url + "/"));
  server_->get(paths.prefix, redirect_to(paths.prefix + "/"));
}

httpd::HttpResponse ExporterApp::status_page(const httpd::HttpRequest& request) const {
  StatusView view;
  view.now = world_.clock->now();
  view.wish = page_wish(request);
  if (const std::shared_ptr<const Runtime> runtime = runtime_.get(); runtime->scheduler)
    view.series = runtime->scheduler->series();
  if (const std::shared_ptr<FastAlerts> alerts = fast_alerts()) view.alerts = alerts->active();
  return start_page(view, history_, failures_);
}

httpd::HttpResponse ExporterApp::logs_page(const httpd::HttpRequest& request) const {
  // The failures of scheduled probes have numbers of their own.
  const bool is_scheduled = request.param("run").has_value();
  const std::optional<std::int64_t> id = parse_int(request.param(is_scheduled ? "run" : "id").value_or(""));
  if (!id) return httpd::HttpResponse::text(500, "Invalid probe id\n");
  const std::shared_ptr<const HistoryEntry> entry = (is_scheduled ? failures_ : history_).find(*id);
  if (!entry) return httpd::HttpResponse::text(404, "Probe id not found\n");
  return httpd::HttpResponse::text(200, debug_text(*entry->module, entry->result));
}

void ExporterApp::add_collectors() {
  metrics_.add_collector([this](ExpositionWriter& out) {
    write_blackbox_build_info(out);
    write_tls_handshakes(world_.loops, out);
    out.gauge("heal_exporter_probes_in_flight", "Probes that run now.", static_cast<double>(engine_.in_flight()));
    const std::shared_ptr<const Runtime> runtime = runtime_.get();
    if (runtime->scheduler) {
      write_probe_series(runtime->scheduler->series(), out);
      out.gauge("heal_exporter_targets", "Targets of scheduled probes.",
                static_cast<double>(runtime->scheduler->series().size()));
      out.gauge("heal_exporter_targets_dropped",
                "Targets beyond those that one exporter schedules; they are not probed.",
                static_cast<double>(runtime->scheduler->dropped()));
    }
    target_files_.write(out);
    if (const std::shared_ptr<FastAlerts> alerts = fast_alerts())
      out.gauge("heal_fast_alerts_active", "Alerts that fire now.", static_cast<double>(alerts->active()));
    runtime->watches.write(out);
  });
}

void ExporterApp::prepare_modules(const ExporterConfig& config) {
  for (const auto& [name, module] : config.modules) {
    const Status prepared = engine_.prepare(*module);
    if (prepared.has_value()) continue;
    logger_.warn("probes of this module will fail", {{"module", name}, {"err", prepared.error()}});
  }
}

Result<Watches> ExporterApp::make_watches(const ExporterConfig& config, const Watches& old) const {
  try {
    return Watches(config.watch, old, world_.watched, *world_.clock, logger_);
  } catch (const std::system_error& e) {
    return make_error(ErrorCode::kUnavailable, "no thread can be made for watch: {}", e.code().message());
  }
}

Result<std::shared_ptr<const ExporterApp::Runtime>> ExporterApp::bring_up(const ExporterConfig& config,
                                                                          const Runtime& old) {
  auto runtime = std::make_shared<Runtime>();
  HEAL_TRY(runtime->watches, make_watches(config, old.watches));
  const std::size_t servers = keeps_alerts(config) ? 0 : config.fast_alerts->alertmanagers.size();
  HEAL_TRY(std::vector<HeldThread> alert_threads, HeldThread::make_several("fast_alerts", servers));
  const ProbeScheduler::Context context{engine_,
                                        *world_.clock,
                                        *world_.random,
                                        scheduler_metrics_,
                                        options_.max_in_flight,
                                        &failures_,
                                        [this] {
                                          if (const auto alerts = fast_alerts()) alerts->wake();
                                        },
                                        logger_.component("probes"),
                                        {}};
  HEAL_TRY(runtime->scheduler, ProbeScheduler::create(context, config, old.scheduler.get(), target_files_.targets()));
  // From here on nothing fails: what ran before is stopped.
  if (const std::size_t dropped = runtime->scheduler->dropped(); dropped > 0)
    logger_.error("too many targets, some are not probed", {{"dropped", dropped}, {"limit", kMostSeries}});
  bring_up_alerts(config, runtime->scheduler->series(), std::move(alert_threads));
  runtime->scheduler->start();
  return std::shared_ptr<const Runtime>(std::move(runtime));
}

/// True also when there are none and none are asked for.
bool ExporterApp::keeps_alerts(const ExporterConfig& config) const {
  const std::shared_ptr<FastAlerts> old = fast_alerts();
  return !config.fast_alerts || (old && old->config() == *config.fast_alerts);
}

void ExporterApp::bring_up_alerts(const ExporterConfig& config, const FastAlerts::Series& series,
                                  std::vector<HeldThread> threads) {
  const std::shared_ptr<FastAlerts> old = fast_alerts();
  if (old && keeps_alerts(config) && config.fast_alerts) {
    old->set_series(series);
    old->wake();
    return;
  }
  if (old) old->stop();
  if (!config.fast_alerts) return set_fast_alerts(nullptr);
  FastAlerts::Apis apis;
  for (const AlertmanagerConfig& server : config.fast_alerts->alertmanagers)
    apis.push_back(world_.make_alertmanager(server));
  const auto alerts = std::make_shared<FastAlerts>(*config.fast_alerts, std::move(apis), *world_.clock, alert_metrics_,
                                                   logger_, old.get());
  alerts->set_series(series);
  set_fast_alerts(alerts);
  alerts->start(std::move(threads));
}

std::shared_ptr<FastAlerts> ExporterApp::fast_alerts() const {
  MutexLock lock(alerts_mutex_);
  return fast_alerts_;
}

void ExporterApp::set_fast_alerts(std::shared_ptr<FastAlerts> alerts) {
  MutexLock lock(alerts_mutex_);
  fast_alerts_.swap(alerts);
}

Status ExporterApp::retarget() {
  MutexLock lock(reload_mutex_);
  if (is_stopped_) return {};
  Result<std::shared_ptr<const Runtime>> runtime = bring_up(*config_.get(), *runtime_.get());
  if (!runtime.has_value()) {
    logger_.error("the targets of files cannot be taken over, the old ones stay for now", {{"err", runtime.error()}});
    return runtime.error();
  }
  runtime_.set(*std::move(runtime));
  return {};
}

Status ExporterApp::start() {
  raise_descriptor_limit(options_.max_in_flight, logger_);
  MutexLock lock(reload_mutex_);
  const std::shared_ptr<const ExporterConfig> config = config_.get();
  prepare_modules(*config);
  HEAL_TRY_STATUS(server_->start());
  target_files_.watch(patterns_of(*config));
  HEAL_TRY(std::shared_ptr<const Runtime> runtime, bring_up(*config, {}));
  runtime_.set(std::move(runtime));
  target_files_.start([this] { return retarget(); });
  for (const std::string& address : server_->addresses())
    logger_.info("listening", {{"address", address}});
  return {};
}

Status ExporterApp::take_over() {
  HEAL_TRY(ExporterConfig loaded, load(options_.flags.config_file));
  const auto config = std::make_shared<const ExporterConfig>(std::move(loaded));
  HEAL_TRY_STATUS(server_->reload());
  prepare_modules(*config);
  target_files_.watch(patterns_of(*config));
  Result<std::shared_ptr<const Runtime>> runtime = bring_up(*config, *runtime_.get());
  if (!runtime.has_value()) {
    target_files_.watch(patterns_of(*config_.get()));
    return runtime.error();
  }
  config_.set(config);
  runtime_.set(*std::move(runtime));
  logger_.info("configuration reloaded", {{"modules", config->modules.size()}});
  return {};
}

Status ExporterApp::reload() {
  MutexLock lock(reload_mutex_);
  if (is_stopped_) return make_error(ErrorCode::kCancelled, "heal-exporter is being stopped");
  const Status reloaded = take_over();
  for (const ReloadMetrics* metrics : {&reload_metrics_, &blackbox_reload_metrics_}) {
    if (reloaded.has_value()) {
      metrics->succeeded(world_.clock->now());
    } else {
      metrics->failed();
    }
  }
  return reloaded;
}

void ExporterApp::stop() {
  target_files_.stop();
  {
    // After this no reload brings up what is stopped below. Not held on: a worker of the server may wait for it.
    MutexLock lock(reload_mutex_);
    is_stopped_ = true;
  }
  if (const auto alerts = fast_alerts()) alerts->stop();
  // No new probes, then the answers of those in flight, then their transport.
  const std::shared_ptr<const Runtime> runtime = runtime_.get();
  if (runtime->scheduler) runtime->scheduler->stop();
  runtime->watches.stop();
  engine_.stop();
  if (server_) server_->stop();
  // One more may have begun before the server stopped.
  engine_.stop();
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
  if (config && flags.config_check) check_target_files(config->probes, diagnostics);
  std::fputs(diagnostics.render().c_str(), stderr);
  if (!config || diagnostics.has_errors()) return cli::kExitFailed;
  if (const auto web = httpd::check_web_config(flags.web_config_file); !web.has_value()) {
    std::fprintf(stderr, "%s\n", web.error().message().c_str());
    return cli::kExitFailed;
  }
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
  ExporterWorld world = ExporterWorld::real(options.max_tls_handshakes);
  Result<std::unique_ptr<ExporterApp>> app =
      ExporterApp::create(std::move(options), std::move(world), logger.component("exporter"));
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
  std::int64_t history = 100, in_flight = 10'000, tls_handshakes = 0;
  std::string external_url, route_prefix;
  parser.add_option("web.external-url", external_url, "where a reverse proxy shows the pages; its path is the prefix");
  parser.add_option("web.route-prefix", route_prefix, "what every path begins with, if it is not that of the URL");
  parser.add_option("timeout-offset", offset, "seconds kept back of Prometheus' scrape time-out");
  parser.add_option("history.limit", history, "probes kept for / and /logs");
  parser.add_option("probe.max-in-flight", in_flight, "probes that may run at once; more are refused with 503");
  parser.add_option("probe.max-tls-handshakes", tls_handshakes,
                    "TLS handshakes that run at once, others wait; 0 is 32 for each core, at most 128");
  if (const std::optional<int> code = parser.parse(argc, argv)) return *code;
  const std::optional<Duration> timeout_offset = parse_seconds(offset);
  if (!timeout_offset || history < 0 || in_flight < 1 || tls_handshakes < 0) {
    std::fputs(
        "heal-exporter: --timeout-offset is seconds, --history.limit and --probe.max-tls-handshakes at least 0, "
        "--probe.max-in-flight at least 1\n",
        stderr);
    return cli::kExitUsage;
  }
  Result<WebPaths> paths = web_paths(external_url, route_prefix);
  if (!paths.has_value()) {
    std::fprintf(stderr, "heal-exporter: %s\n", paths.error().message().c_str());
    return cli::kExitUsage;
  }
  options.paths = *std::move(paths);
  options.flags = parser.flags();
  options.timeout_offset = *timeout_offset;
  options.history_limit = static_cast<std::size_t>(history);
  options.max_in_flight = static_cast<std::size_t>(in_flight);
  options.max_tls_handshakes = static_cast<std::size_t>(tls_handshakes);
  if (options.flags.config_check || options.flags.config_print) return check_or_print(options.flags);
  if (options.flags.systemd_socket) {
    auto passed = httpd::take_passed_sockets();
    if (!passed.has_value()) {
      std::fprintf(stderr, "heal-exporter: --web.systemd-socket: %s\n", passed.error().str().c_str());
      return cli::kExitFailed;
    }
    options.passed = std::move(*passed);
  }
  return serve(std::move(options));
}

}  // namespace heal::exporter
