#include "webhook/app.h"

#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/fault/lease_keeper.h"
#include "common/remedy/action/action.h"
#include "common/remedy/blast_radius.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/source/sources.h"
#include "common/wire/json.h"
#include "heal_version.h"
#include "webhook/access.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/control_metrics.h"
#include "webhook/delivery_routes.h"
#include "webhook/event_hub.h"
#include "webhook/intake_routes.h"
#include "webhook/quarantine.h"
#include "webhook/retention.h"
#include "webhook/store_gate.h"
#include "webhook/world_builder.h"

namespace heal::webhook {
namespace {

/// How long undoing the injected faults may take at a stop.
constexpr Duration kUndoTime = 30s;

}  // namespace

class App::Impl {
 public:
  Impl(AppOptions options, Ports ports, Logger logger, std::shared_ptr<const remedy::World> world,
       std::shared_ptr<Store> store)
      : options_(std::move(options)),
        ports_(std::move(ports)),
        logger_(std::move(logger)),
        metrics_("heal_webhook"),
        reload_metrics_(metrics_, "heal_webhook"),
        remedy_metrics_(metrics_),
        world_(std::move(world)),
        store_(std::move(store)),
        at_start_{world_.get()->bundle.config.workers, world_.get()->bundle.config.faults.helper_image},
        host_processes_(ports_.make_host_processes(at_start_.helper_image)),
        quarantine_(options_.storage_path + "/quarantine", *ports_.clock, *ports_.random, logger_.component("intake")) {
    reload_metrics_.succeeded(ports_.clock->now());
    know_playbooks();
  }

  ~Impl() { stop(); }

  Status prepare() {
    httpd::ServerOptions server;
    server.listen = options_.listen;
    server.passed = options_.passed;
    server.web_config_file = options_.web_config_file;
    server.metrics_prefix = "heal_webhook";
    server.authorize = [this](std::string_view user, std::string_view role) {
      return may_use(world_.get()->bundle.config, user, role);
    };
    server.check_web = [this](const httpd::WebConfig& web) {
      return check_access(options_, world_.get()->bundle.config, web);
    };
    HEAL_TRY(server_, httpd::HttpServer::create(std::move(server), logger_.component("httpd"), metrics_));
    return {};
  }

  Status start() {
    HEAL_TRY_STATUS(prepare());
    events_.emplace(*store_);
    remedy::CoordinatorOptions options;
    options.workers = world_.get()->bundle.config.workers;
    options.on_commit = [this] { events_->notify(); };
    coordinator_.emplace(*store_, world_, tools(), logger_.component("remedy"), remedy_metrics_, std::move(options));
    HEAL_TRY_STATUS(coordinator_->start());
    metrics_.add_collector([this](ExpositionWriter& out) {
      if (!coordinator_) return;
      expose_controls(out, *coordinator_->controls(), coordinator_->lever_objection(), playbook_names(),
                      ports_.clock->now());
      expose_queue(out, coordinator_->queue());
      expose_locks(out, *coordinator_->lock_holders());
    });
    HEAL_TRY_STATUS(open_leases());
    add_routes();
    const Status served = serve();
    if (!served.has_value()) {
      stop();
      return served;
    }
    is_running_ = true;
    for (const auto& address : server_->addresses())
      logger_.info("listening", {{"address", address}});
    return {};
  }

  Status reload() {
    MutexLock lock(reload_mutex_);
    if (is_stopping_) return make_error(ErrorCode::kUnavailable, "the service is stopping");
    const Status taken = take_configuration();
    if (!taken.has_value()) {
      reload_metrics_.failed();
      logger_.error("the configuration was not taken; the old one stays in force", {{"err", taken.error()}});
      return taken;
    }
    know_playbooks();
    if (const Status started = start_what_it_names(); !started.has_value()) {
      reload_metrics_.failed();
      logger_.error("the configuration is in force, but nothing is heard of its sources; reload again",
                    {{"err", started.error()}});
      return started;
    }
    reload_metrics_.succeeded(ports_.clock->now());
    logger_.info("configuration loaded", {{"file", options_.config_file}});
    for (const std::string& line : unapplied())
      logger_.warn("a setting was not taken", {{"reason", line}});
    return {};
  }

  void stop() {
    {
      // After this no reload brings up what is stopped below. Not held on: a worker of the server may wait for it.
      MutexLock lock(reload_mutex_);
      is_stopping_ = true;
    }
    // A service that is stopped may never be started again: it takes its faults with it, while the steps end.
    leases_thread_.request_stop();
    std::jthread undoing;
    if (leases_) undoing = std::jthread([this] { leases_->close(ports_.clock->deadline_in(kUndoTime)); });
    retention_.reset();
    sources_.reset();
    if (coordinator_) coordinator_->stop(is_running_ ? options_.stop_grace : Duration{});
    if (events_) events_->stop();
    if (server_) server_->stop();
    leases_thread_ = {};
    undoing = {};
    leases_.reset();
    coordinator_.reset();
    if (std::exchange(is_running_, false)) logger_.info("stopped");
  }

  std::uint16_t port() const { return server_ ? server_->port() : 0; }
  std::vector<httpd::RouteInfo> routes() const { return server_ ? server_->routes() : std::vector<httpd::RouteInfo>(); }
  std::string metrics_text() { return metrics_.expose(); }

 private:
  std::optional<Duration> kept_for() const { return world_.get()->bundle.config.retention.incidents; }

  /// A reload comes by the server's routes: not before everything that it renews is there.
  Status serve() {
    MutexLock lock(reload_mutex_);
    HEAL_TRY_STATUS(server_->start());
    sources_.emplace(
        remedy::SourceTools{tools(), *store_, world_, logger_.component("source"),
                            [this](const EventBatch& batch, const auto& done) { coordinator_->ingest(batch, done); }});
    return start_what_it_names();
  }

  /// Sources, and what looks after the store's size.
  Status start_what_it_names() HEAL_REQUIRES(reload_mutex_) {
    if (sources_) HEAL_TRY_STATUS(sources_->start());
    start_retention();
    return {};
  }

  void start_retention() {
    if (!kept_for() || retention_) return;
    retention_.emplace(*store_, *ports_.clock, logger_.component("retention"), [this] { return kept_for(); });
    retention_->start();
  }

  /// All of the files, or nothing of them.
  Status take_configuration() {
    HEAL_TRY(auto world, build_world(options_.config_file, ports_));
    if (server_) {
      HEAL_TRY_STATUS(server_->reload(
          [&](const httpd::WebConfig& web) { return check_access(options_, world->bundle.config, web); }));
    }
    world->in_force_since = in_force_since(*store_, world->bundle.digest, ports_.clock->now());
    if (leases_) leases_->set_max_ttl(world->bundle.config.faults.max_ttl);
    world_.set(std::move(world));
    return {};
  }

  /// What was changed in heal.yml since the start, and only a start takes.
  std::vector<std::string> unapplied() const {
    const auto world = world_.get();
    const auto& config = world->bundle.config;
    std::vector<std::string> lines;
    if (config.workers != at_start_.workers) {
      lines.push_back(fmt::format("workers: {} needs a restart; {} are at work", config.workers, at_start_.workers));
    }
    if (config.faults.helper_image != at_start_.helper_image) {
      lines.push_back(fmt::format("faults.helper_image: \"{}\" needs a restart; \"{}\" is in use",
                                  config.faults.helper_image, at_start_.helper_image));
    }
    return lines;
  }

  remedy::Tools tools() const {
    return {*ports_.clock,     *ports_.random,      *ports_.http,      *ports_.dialer,
            *ports_.processes, ports_.mailer.get(), ports_.host.get(), ports_.dns.get()};
  }

  /// Faults that were injected before are undone by whoever serves now.
  Status open_leases() {
    fault::LeaseOptions options;
    options.max_ttl = world_.get()->bundle.config.faults.max_ttl;
    options.own_container = ports_.own_container;
    options.on_change = [this](const FaultLease& lease) {
      logger_.component("fault").info("fault lease changed", {{"fault", lease.kind},
                                                              {"target", lease.target.str()},
                                                              {"lease", lease.id},
                                                              {"state", to_string(lease.state)},
                                                              {"by", lease.owner},
                                                              {"err", lease.last_error}});
      events_->notify();
    };
    const auto engine = [this](const std::string& name) -> std::shared_ptr<ContainerEngine> {
      const auto world = world_.get();
      const auto it = world->engines.find(name);
      return it == world->engines.end() ? nullptr : it->second;
    };
    const auto alertmanager = [this]() -> std::shared_ptr<AlertmanagerApi> {
      const auto world = world_.get();
      return world->alertmanagers.empty() ? nullptr : world->alertmanagers.front();
    };
    const auto check_group = [this](const TargetId& target, const ContainerInfo& info, const std::set<TargetId>& broken,
                                    const std::stop_token& stop) {
      return remedy::check_blast_radius(*world_.get(), tools(), *coordinator_->lock_holders(), target, info, broken,
                                        stop);
    };
    HEAL_TRY(leases_, fault::LeaseKeeper::open({*store_, *ports_.clock, *ports_.random, *host_processes_, engine,
                                                fault::HolderProgram{at_start_.helper_image}, alertmanager,
                                                [this] { return engine_names(); }, check_group},
                                               std::move(options)));
    leases_thread_ = std::jthread([this](std::stop_token stop) { leases_->run(stop); });
    metrics_.add_collector([this](ExpositionWriter& out) { expose_leases(out); });
    return {};
  }

  std::vector<std::string> engine_names() const {
    std::vector<std::string> names;
    const auto world = world_.get();
    for (const auto& [name, engine] : world->engines)
      names.push_back(name);
    return names;
  }

  void expose_leases(ExpositionWriter& out) {
    const auto leases = store_->leases();
    if (!leases.has_value()) return;
    out.family("heal_fault_active", MetricType::kGauge, "Faults that are injected now, by kind.");
    for (const auto& kind : fault::fault_kinds()) {
      const auto active = std::count_if(leases->begin(), leases->end(), [&](const FaultLease& lease) {
        return lease.kind == kind && lease.state != FaultLease::State::kReverted;
      });
      out.sample("heal_fault_active", static_cast<double>(active), {{"fault", kind}});
    }
    out.family("heal_fault_deadline_timestamp_seconds", MetricType::kGauge, "When the injected fault is undone.");
    for (const auto& lease : *leases) {
      if (lease.state == FaultLease::State::kReverted) continue;
      out.sample("heal_fault_deadline_timestamp_seconds", to_unix_seconds(lease.deadline),
                 {{"fault", lease.kind}, {"target", lease.target.str()}});
    }
  }

  std::vector<std::string> playbook_names() const {
    std::vector<std::string> names;
    const auto world = world_.get();
    for (const auto& [name, book] : world->bundle.playbooks)
      names.push_back(name);
    return names;
  }

  void know_playbooks() { remedy_metrics_.know_playbooks(world_.get()->bundle.playbooks); }

  Status ready() {
    if (!coordinator_ || !coordinator_->is_accepting()) return make_error(ErrorCode::kUnavailable, "not accepting");
    return store_gate_.ready().with_context("store");
  }

  void add_routes() {
    cli::AdminHooks hooks;
    hooks.reload = [this] { return reload(); };
    hooks.ready = [this] { return ready(); };
    hooks.role = "operate";
    hooks.unapplied = [this] { return unapplied(); };
    cli::add_admin_routes(*server_, metrics_, hooks);
    httpd::RouteOptions open;
    open.route_class = httpd::RouteClass::kAdmin;
    open.auth = httpd::RouteAuth::kOpen;
    server_->get(
        "/health",
        [this](const httpd::HttpRequest&) {
          const Status status = ready();
          return answer(status.has_value() ? 200 : 503,
                        {{"status", status.has_value() ? "ok" : "not ready"}, {"version", kVersion}});
        },
        open);
    const IntakeTools intake{*coordinator_, quarantine_, remedy_metrics_, logger_.component("intake")};
    add_intake_routes(*server_, intake);
    add_delivery_routes(*server_, {intake, world_, *store_, *ports_.clock, *ports_.http});
    const ApiTools api{*store_,
                       *ports_.clock,
                       *coordinator_,
                       world_,
                       *events_,
                       *leases_,
                       options_.config_file,
                       ports_.clock->now(),
                       options_.storage_path};
    add_store_routes(*server_, api);
    add_stats_routes(*server_, api);
    add_incident_routes(*server_, api);
    add_operate_routes(*server_, api);
    add_heal_routes(*server_, api);
    add_fault_routes(*server_, api);
    add_control_routes(*server_, api);
    add_status_routes(*server_, api);
    add_event_routes(*server_, api);
    add_openapi_routes(*server_);
    add_ui_routes(*server_);
  }

  const AppOptions options_;
  const Ports ports_;
  const Logger logger_;
  Metrics metrics_;
  const ReloadMetrics reload_metrics_;
  const remedy::RemedyMetrics remedy_metrics_;
  Mutex reload_mutex_;
  bool is_stopping_ HEAL_GUARDED_BY(reload_mutex_) = false;
  Snapshot<remedy::World> world_;
  const std::shared_ptr<Store> store_;
  StoreGate store_gate_{*store_, *ports_.clock};
  /// Settings that a reload cannot change.
  const struct {
    std::uint32_t workers;
    std::string helper_image;
  } at_start_;
  const std::shared_ptr<HostProcesses> host_processes_;
  Quarantine quarantine_;
  std::optional<EventHub> events_;
  std::optional<remedy::Coordinator> coordinator_;
  std::optional<remedy::Sources> sources_;
  std::optional<Retention> retention_;
  std::unique_ptr<fault::LeaseKeeper> leases_;
  std::jthread leases_thread_;
  std::unique_ptr<httpd::HttpServer> server_;
  bool is_running_ = false;
};

Result<std::unique_ptr<App>> App::create(AppOptions options, Ports ports, Logger logger) {
  HEAL_TRY(auto world, build_world(options.config_file, ports));
  HEAL_TRY(auto store, ports.open_store(options.storage_path));
  world->in_force_since = in_force_since(*store, world->bundle.digest, ports.clock->now());
  return std::unique_ptr<App>(new App(std::make_unique<Impl>(std::move(options), std::move(ports), std::move(logger),
                                                             std::move(world), std::move(store))));
}

App::App(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
App::~App() = default;

Status App::start() {
  return impl_->start();
}
Status App::reload() {
  return impl_->reload();
}
void App::stop() {
  impl_->stop();
}
std::uint16_t App::port() const {
  return impl_->port();
}
std::vector<httpd::RouteInfo> App::routes() const {
  return impl_->routes();
}
std::string App::metrics_text() {
  return impl_->metrics_text();
}

}  // namespace heal::webhook
