#include "healctl/direct/keeper.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "common/fault/fault_api.h"
#include "common/fault/held_fault.h"
#include "common/wire/error_json.h"
#include "common/wire/json.h"
#include "heal_version.h"

namespace heal::ctl {
namespace {

constexpr const char* kSettingsKey = "direct/settings";
constexpr Duration kLookForIdle = 500ms;
constexpr Duration kUndoAllTime = 30s;
constexpr Duration kImageTime = 10s;
/// For how long what was undone is remembered.
constexpr Duration kHistory = 30 * 24h;

bool is_held(const FaultLease& lease) {
  return lease.state != FaultLease::State::kReverted;
}

/// Those in force: the stored ones while a fault of theirs is left, else the wanted ones, which are stored then.
Result<KeeperSettings> settle_settings(Store& store, const KeeperSettings& wanted) {
  HEAL_TRY(const auto leases, store.leases());
  HEAL_TRY(const auto stored, store.value(kSettingsKey));
  if (stored && std::any_of(leases.begin(), leases.end(), is_held)) {
    HEAL_TRY(const Json json, parse_json(*stored).with_context("{} in the ledger", kSettingsKey));
    return keeper_settings_from_json(json);
  }
  HEAL_TRY_STATUS(store.commit({PutValue{kSettingsKey, dump(to_json(wanted))}}));
  return wanted;
}

/// Takes what is old out of the ledger. A keeper lives as long as its faults, so that once, as it begins, is enough; a
/// clock that was set costs nothing but history.
Status forget_old(Store& store, Clock& clock) {
  SweepOrder order;
  order.now = clock.now();
  order.before = order.now - kHistory;
  do {
    HEAL_TRY(const Swept swept, store.sweep(order));
    order.after = swept.next;
  } while (order.after);
  return {};
}

httpd::HttpResponse answer_json(int status, const Json& body) {
  return httpd::HttpResponse::json(status, dump(body) + "\n");
}

httpd::HttpResponse answer_failure(const Error& error) {
  return answer_json(http_status_of(error.code()), error_json(error));
}

httpd::HttpResponse answer_result(const Result<Json>& body) {
  return body ? answer_json(200, *body) : answer_failure(body.error());
}

}  // namespace

FaultKeeper::FaultKeeper(KeeperTools tools, KeeperSettings settings, Logger logger)
    : tools_(std::move(tools)),
      settings_(std::move(settings)),
      world_(tools_.world(settings_)),
      logger_(std::move(logger)),
      metrics_("heal_fault_keeper"),
      last_busy_(tools_.clock.steady_now()) {}

FaultKeeper::~FaultKeeper() {
  if (server_) server_->stop();
}

Result<std::unique_ptr<FaultKeeper>> FaultKeeper::open(KeeperTools tools, const KeeperSettings& wanted,
                                                       const std::string& socket, Logger logger) {
  HEAL_TRY(KeeperSettings settings, settle_settings(tools.store, wanted));
  std::unique_ptr<FaultKeeper> keeper(new FaultKeeper(std::move(tools), std::move(settings), std::move(logger)));
  // A ledger that cannot be tidied can be worked with all the same.
  if (const Status forgotten = forget_old(keeper->tools_.store, keeper->tools_.clock); !forgotten)
    keeper->logger_.warn("old faults could not be forgotten", {{"err", forgotten.error()}});
  HEAL_TRY_STATUS(keeper->take_over());
  HEAL_TRY_STATUS(keeper->serve(socket));
  return keeper;
}

Status FaultKeeper::take_over() {
  fault::LeaseOptions options;
  options.own_container = tools_.own_container;
  options.is_ledger_lost = tools_.is_ledger_lost;
  options.on_change = [this](const FaultLease& lease) {
    {
      // Of a fault that has just ended somebody may ask yet.
      MutexLock lock(mutex_);
      last_busy_ = tools_.clock.steady_now();
    }
    logger_.info("fault lease changed", {{"fault", lease.kind},
                                         {"target", lease.target.str()},
                                         {"lease", lease.id},
                                         {"state", to_string(lease.state)},
                                         {"by", lease.owner},
                                         {"err", lease.last_error}});
  };
  const auto engine = [this](const std::string& name) { return name == "local" ? world_.engine : nullptr; };
  HEAL_TRY(leases_, fault::LeaseKeeper::open(
                        {tools_.store, tools_.clock, tools_.random, *world_.processes, engine,
                         fault::HolderProgram{settings_.helper_image}, [this] { return world_.alertmanager; },
                         [] { return std::vector<std::string>{"local"}; }},
                        std::move(options)));
  // The first answer knows of them already; an engine that does not answer is asked again by run().
  (void)leases_->adopt_marks({});
  return {};
}

Status FaultKeeper::serve(const std::string& socket) {
  httpd::ServerOptions options;
  options.listen = {"unix:" + socket};
  options.unix_mode = 0600;
  options.workers = 4;
  options.admin_workers = 1;
  options.metrics_prefix = "heal_fault_keeper";
  HEAL_TRY(server_, httpd::HttpServer::create(std::move(options), logger_.component("httpd"), metrics_));
  add_routes();
  return server_->start();
}

void FaultKeeper::add_routes() {
  const fault::FaultApi api(*leases_);
  const Json who{{"version", kVersion}, {"pid", tools_.pid}, {"settings", to_json(settings_)}};
  server_->get("/api/v1/keeper", while_open([who](const httpd::HttpRequest&) { return answer_json(200, who); }));
  server_->get("/api/v1/faults", while_open([api](const httpd::HttpRequest&) { return answer_json(200, api.list()); }));
  server_->post("/api/v1/faults",
                while_open([this](const httpd::HttpRequest& request) { return inject(request.body); }));
  server_->post("/api/v1/faults/revert", while_open([api](const httpd::HttpRequest& request) {
                  return answer_result(api.revert(request.body));
                }));
  server_->handle("DELETE", "/api/v1/faults/*", while_open([api](const httpd::HttpRequest& request) {
                    return answer_result(api.revert_one(request.tail));
                  }));
}

httpd::HttpResponse FaultKeeper::inject(const std::string& body) {
  if (const Status possible = check_holder(body); !possible) return answer_failure(possible.error());
  // A service may have put a fault on the same target since we began.
  (void)leases_->adopt_marks({});
  const auto injected = fault::FaultApi(*leases_).inject(body, [](const std::string& claimed) { return claimed; });
  return injected ? answer_json(injected->status, injected->body) : answer_failure(injected.error());
}

Status FaultKeeper::check_holder(const std::string& body) {
  HEAL_TRY(const Json json, parse_json(body));
  HEAL_TRY(const std::string kind, get_string(json, "fault"));
  const bool needs_holder = dynamic_cast<const fault::HeldFault*>(fault::find_fault(kind)) != nullptr;
  if (!needs_holder || !world_.check_image) return {};
  return world_.check_image(settings_.helper_image, tools_.clock.deadline_in(kImageTime))
      .with_context("fault {} needs a holder in a container of promheal's own image (--helper-image)", kind);
}

httpd::Handler FaultKeeper::while_open(httpd::Handler handler) {
  return [this, handler = std::move(handler)](const httpd::HttpRequest& request) {
    {
      MutexLock lock(mutex_);
      if (is_closed_) return answer_failure(Error(ErrorCode::kUnavailable, "the keeper is ending: try again"));
      ++asked_now_;
    }
    auto response = handler(request);
    MutexLock lock(mutex_);
    --asked_now_;
    last_busy_ = tools_.clock.steady_now();
    return response;
  };
}

bool FaultKeeper::holds_nothing() {
  const auto leases = leases_->list();
  return std::none_of(leases.begin(), leases.end(), is_held);
}

bool FaultKeeper::close_if_idle() {
  // Looked at first: a lease that begins after that is a question that ends after that.
  if (!holds_nothing()) return false;
  MutexLock lock(mutex_);
  is_closed_ = asked_now_ == 0 && tools_.clock.steady_now() - last_busy_ >= tools_.idle;
  return is_closed_;
}

bool FaultKeeper::run(const std::stop_token& stop) {
  std::jthread undoing([this](std::stop_token over) { leases_->run(over); });
  while (!stop.stop_requested() && !close_if_idle())
    (void)tools_.clock.sleep_for(kLookForIdle, stop);
  undoing.request_stop();
  if (!holds_nothing()) leases_->close(tools_.clock.deadline_in(kUndoAllTime));
  undoing.join();
  server_->stop();
  logger_.info("stopped");
  return holds_nothing();
}

}  // namespace heal::ctl
