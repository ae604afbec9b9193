#include "common/rehearsal/stage.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/sim/quiet.h"

namespace heal::rehearsal {
namespace {

/// How long everything has been running when a test begins: nothing has just been started.
constexpr Duration kUpBefore = 1h;
/// What a fault may take until it becomes an incident, and how long one is waited for that does not end.
constexpr Duration kAtLeast = 1min;
constexpr Duration kAtMost = 1h;
/// In real time: whoever works for so long without sleeping will not come to rest.
constexpr Duration kPatience = 30s;

bool is_change(const SimEngineCall& call) {
  static const std::set<std::string> kReads{"inspect", "list",      "version",       "stats",
                                            "events",  "logs_tail", "last_log_time", "wait"};
  return !kReads.contains(call.verb);
}

}  // namespace

Stage::Stage(const playbook::Bundle& bundle, const TestCase& test, Clock& watch)
    : bundle_(bundle),
      test_(test),
      watch_(watch),
      clock_(FakeClock::Sleeping::kBlocks, test.now.value_or(FakeClock::kStart) - kUpBefore),
      alertmanager_(std::make_shared<SimAlertmanagerApi>(clock_)),
      prometheus_(std::make_shared<ScriptedPrometheusApi>(clock_)) {
  build_world(test);
  learn_names();
  clock_.advance(kUpBefore);
  began_at_ = clock_.now();
  began_steady_ = clock_.steady_now();
  const remedy::Tools tools{clock_, random_, http_, dialer_, processes_, &mailer_, &host_, &dns_};
  coordinator_ =
      std::make_unique<remedy::Coordinator>(store_, *world_, tools, Logger::none(), remedy_metrics_,
                                            remedy::CoordinatorOptions{bundle.config.workers, 4096, nullptr});
  sources_ = std::make_unique<remedy::Sources>(
      remedy::SourceTools{tools, store_, *world_, Logger::none(),
                          [this](EventBatch batch, const std::function<void(Result<remedy::IngestReply>)>& done) {
                            coordinator_->ingest(std::move(batch), done);
                          }});
}

Stage::~Stage() {
  sources_.reset();
  coordinator_->stop(0s);
}

void Stage::build_world(const TestCase& test) {
  auto world = std::make_shared<remedy::World>();
  world->bundle = bundle_;
  for (const auto& [name, ignored] : bundle_.config.engines) {
    const auto engine = std::make_shared<SimContainerEngine>(clock_);
    engines_[name] = engine;
    world->engines[name] = engine;
    engine->on_exec([this](const ContainerInfo& container, const ExecSpec& spec) -> Result<ExecOutcome> {
      return execs_.run(container.name, spec.argv);
    });
    cast_.add_engine(name, engine);
  }
  if (!bundle_.config.alertmanagers.empty()) world->alertmanagers.push_back(alertmanager_);
  if (bundle_.config.prometheus) world->prometheus = prometheus_;
  if (bundle_.config.notify.email) mailer_.add_server(bundle_.config.notify.email->smarthost);
  world_.emplace(std::shared_ptr<const remedy::World>(std::move(world)));
  for (const CastContainer& container : test.world.containers)
    add_container(container);
  for (const Happening& answer : test.world.answers) {
    if (const Status done = perform_all(answer); !done.has_value()) remark("the world", done.error());
  }
}

void Stage::add_container(const CastContainer& wanted) {
  const std::string engine_name = engine_or_default(wanted.engine);
  const auto engine = engine_of(engine_name);
  if (!engine.has_value()) return remark("container " + wanted.container.name, engine.error());
  const SimContainer& container = wanted.container;
  if (wanted.state == "created") {
    (*engine)->create(container);
  } else {
    (*engine)->add(container);
  }
  if (wanted.state == "exited") (*engine)->crash(container.name, 0);
  if (wanted.state == "paused") (void)(*engine)->pause(container.name, Deadline::max(), {});
  const TargetId id{"container", engine_name, container.name};
  const auto inventory = playbook::inventory_of_container(bundle_.config, id, container.labels);
  if (inventory.has_value() && inventory->health) follow_health(inventory->health->str(), engine_name, container.name);
  for (const std::string& url : wanted.serves)
    follow_health(url, engine_name, container.name);
}

void Stage::follow_health(const std::string& address, const std::string& engine, const std::string& container) {
  constexpr std::string_view kTcp = "tcp://";
  if (address.starts_with(kTcp)) return dialer_.follow(address.substr(kTcp.size()), engine, container);
  if (address.starts_with(kDnsScheme)) return dns_.follow(address.substr(kDnsScheme.size()), engine, container);
  http_.on("*", address, [this, engine, container](const HttpClientRequest& request) {
    if (cast_.answers(engine, container)) return HttpAnswer::of(200, "ok");
    return HttpAnswer::failing(make_error(ErrorCode::kUnreachable, "connect to {}: connection refused", request.url));
  });
}

std::string Stage::engine_or_default(const std::string& engine) const {
  if (!engine.empty()) return engine;
  return engines_.size() == 1 ? engines_.begin()->first : "local";
}

Result<SimContainerEngine*> Stage::engine_of(const std::string& name) {
  const auto it = engines_.find(engine_or_default(name));
  if (it == engines_.end())
    return make_error(ErrorCode::kInvalid, "there is no engine \"{}\" in heal.yml", engine_or_default(name));
  return it->second.get();
}

void Stage::remark(const std::string& what, const Error& error) {
  MutexLock lock(mutex_);
  remarks_.push_back(fmt::format("{}: {}", what, error.str()));
}

std::vector<std::string> Stage::remarks() const {
  MutexLock lock(mutex_);
  return remarks_;
}

void Stage::learn_names() {
  for (const auto& [name, engine] : engines_) {
    const auto all = engine->list(Deadline::max(), {});
    if (!all.has_value()) continue;
    for (const ContainerInfo& container : *all)
      names_[container.id] = container.name;
  }
}

std::vector<std::string> Stage::calls() {
  learn_names();
  std::vector<SimEngineCall> made;
  for (const auto& [name, engine] : engines_) {
    for (SimEngineCall& call : engine->calls()) {
      if (is_change(call)) made.push_back(std::move(call));
    }
  }
  for (const SimEngineCall& own : own_calls_) {
    const auto it = std::find(made.begin(), made.end(), own);
    if (it != made.end()) made.erase(it);
  }
  std::vector<std::string> out;
  for (const SimEngineCall& call : made) {
    const auto known = names_.find(call.container);
    out.push_back(fmt::format("{} {}", call.verb, known == names_.end() ? call.container : known->second));
  }
  return out;
}

std::vector<std::string> Stage::posted_alerts() {
  std::set<std::string> names;
  for (const Alert& alert : alertmanager_->posted())
    names.emplace(label_value(alert.labels, "alertname"));
  return {names.begin(), names.end()};
}

Status Stage::settle(const std::stop_token& stop) {
  const Deadline give_up = watch_.deadline_in(kPatience);
  while (!all_others_sleep()) {
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped");
    if (watch_.steady_now() > give_up) return make_error(ErrorCode::kTimeout, "the simulation does not come to rest");
    std::this_thread::yield();
  }
  return {};
}

Status Stage::run_to(SteadyTime when, const std::stop_token& stop) {
  for (;;) {
    HEAL_TRY_STATUS(settle(stop));
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped");
    const auto next = clock_.next_wake();
    if (!next || *next > when) break;
    clock_.advance_to_next();
  }
  if (const SteadyTime now = clock_.steady_now(); when > now) clock_.advance(when - now);
  return {};
}

bool Stage::is_over() {
  const auto open = store_.open_incidents();
  return open.has_value() && std::all_of(open->begin(), open->end(), [](const Incident& incident) {
           return incident.state == IncidentState::kEscalated;
         });
}

Status Stage::run_to_the_end(const std::stop_token& stop) {
  if (test_.expect.after) return run_to(began_steady_ + *test_.expect.after, stop);
  const SteadyTime last = clock_.steady_now();
  HEAL_TRY_STATUS(run_to(last + kAtLeast, stop));
  while (!is_over() && clock_.steady_now() < last + kAtMost) {
    const auto next = clock_.next_wake();
    HEAL_TRY_STATUS(run_to(std::min(next.value_or(SteadyTime::max()), last + kAtMost), stop));
  }
  return {};
}

Status Stage::play(std::stop_token stop) {
  HEAL_TRY_STATUS(coordinator_->start());
  HEAL_TRY_STATUS(sources_->start());
  for (const TimedHappening& line : test_.timeline) {
    HEAL_TRY_STATUS(run_to(began_steady_ + line.at, stop));
    Status done = perform_all(line.what);
    if (!done.has_value()) return std::move(done).error().at(line.span);
  }
  HEAL_TRY_STATUS(run_to_the_end(stop));
  return settle(stop);
}

}  // namespace heal::rehearsal
