#include "tests/crash/fleet.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <tuple>
#include <utility>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/remedy/source/alertmanager_events.h"
#include "common/sim/quiet.h"
#include "common/wire/json.h"

namespace heal::test {
namespace {

using remedy::Coordinator;

/// What both rungs of the ladder end with.
const std::string kRestarts = R"(  - name: restart
    docker.restart: {grace: 1s}
    timeout: 20s
    on_unknown: probe
verify:
  within: 10s
  consecutive: 2
  interval: 1s
  all: [{check: health}]
stay_healthy: 20s
)";

const std::string kPlaybook = R"(version: 1
playbook: heal
mode: auto
before:
  - {check: health, is: failing}
escalate: [again]
steps:
  - name: tell
    command: {argv: [/bin/tell, "{{ labels.fault }}"]}
    on_unknown: halt
)" + kRestarts;

const std::string kAgain = R"(version: 1
playbook: again
mode: auto
steps:
)" + kRestarts;

/// Its population does not exist.
const std::string kGhost = R"(version: 1
playbook: ghost
mode: auto
guards: {population: {group: ghosts}}
steps:
  - name: restart
    docker.restart: {grace: 1s}
verify:
  within: 10s
  all: [{check: health}]
)";

std::string heal_yml(const FleetLimits& limits) {
  return fmt::format(R"(version: 1
engines:
  local: {{unix: /var/run/docker.sock}}
inventory: {{container_labels: true}}
alertmanagers: [{{url: "http://alertmanager:9093"}}]
defaults:
  guards:
    cooldown: 10s
    budget: {{attempts: 4, window: 1h}}
    flap: "off"
    fresh_evidence: {{timeout: 2s}}
    in_flight: {{per_group: {}, total: {}}}
    population: {{max_unhealthy: {{percent: {}, at_least: {}}}}}
storm: "off"
allow: {{commands: [/bin/tell]}}
routes:
  - match: ['alertname="Down"', 'container="spare"']
    playbook: ghost
    target: container/local/spare
  - match: ['alertname="Down"']
    playbook: heal
    target: "container/local/{{{{ labels.container }}}}"
)",
                     limits.per_group, limits.total, limits.percent, limits.at_least);
}

/// Of letting time pass in a world that was made whole: some twenty end all that can end.
constexpr int kMostRounds = 500;

std::string group_of(const std::string& container) {
  const auto dash = container.find('-');
  return dash == std::string::npos ? "" : container.substr(0, dash);
}

std::string name_of(const Incident& incident) {
  return incident.target ? incident.target->name : "";
}

bool is_in_hand(IncidentState state) {
  return state == IncidentState::kExecuting || state == IncidentState::kVerifying;
}

/// While this thread restarts a container. What people start at that time is none of ours.
thread_local bool is_restarting = false;

}  // namespace

WatchedEngine::WatchedEngine(Clock& clock) : SimContainerEngine(clock), clock_(clock) {
  on_start([this](const ContainerInfo& info) {
    count_start(info.name);
    const auto now = SimContainerEngine::inspect(info.name, clock_.deadline_in(1s), {});
    note(info.name, !now.has_value() || now->running());
  });
}

void WatchedEngine::note(const std::string& name, bool serves) {
  MutexLock lock(mutex_);
  if (auto it = serves_.find(name); it != serves_.end() && it->second == serves) return;
  serves_[name] = serves;
  history_.push_back({clock_.steady_now(), name, serves});
}

void WatchedEngine::count_start(const std::string& name) {
  if (!is_restarting) return;
  MutexLock lock(mutex_);
  ++restarted_[name];
}

std::size_t WatchedEngine::times_restarted(const std::string& name) {
  MutexLock lock(mutex_);
  const auto it = restarted_.find(name);
  return it == restarted_.end() ? 0 : it->second;
}

bool WatchedEngine::serves(const std::string& name) {
  MutexLock lock(mutex_);
  const auto it = serves_.find(name);
  return it == serves_.end() || it->second;
}

void WatchedEngine::kill_process(const std::string& name) {
  if (!serves(name)) return;
  crash(name, 1);
  note(name, false);
}

std::vector<std::string> WatchedEngine::violations() {
  MutexLock lock(mutex_);
  return violations_;
}

bool WatchedEngine::was_down(const std::string& name, SteadyTime from, SteadyTime to) {
  MutexLock lock(mutex_);
  bool served = true;
  for (const Change& change : history_) {
    if (change.name != name || change.at > to) continue;
    // At the same instant of the simulated clock: nobody can tell which came first.
    if (change.at >= from) return false;
    served = change.serves;
  }
  return !served;
}

Status WatchedEngine::restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) {
  std::string name = container;
  if (const auto info = SimContainerEngine::inspect(container, deadline, stop); info.has_value()) name = info->name;
  {
    MutexLock lock(mutex_);
    if (++acting_[name] > 1) violations_.push_back(fmt::format("two actions on {} at the same time", name));
    if (name == "spare") violations_.push_back("an action although the population is empty");
  }
  is_restarting = true;
  Status status = SimContainerEngine::restart(container, grace, deadline, std::move(stop));
  is_restarting = false;
  MutexLock lock(mutex_);
  --acting_[name];
  return status;
}

Fleet::Fleet(std::uint32_t seed) : random_(seed), clock_jumps_(seed % 2 == 1), containers_{"spare"} {
  for (const auto& [group, least, most] : {std::tuple{"web", 2U, 6U}, {"db", 1U, 4U}, {"cache", 0U, 3U}}) {
    for (std::uint32_t i = least + below(most - least + 1); i > 0; --i)
      containers_.push_back(fmt::format("{}-{}", group, i));
  }
  if (chance(50)) containers_.emplace_back("lone");
  limits_.per_group = 1 + below(2);
  limits_.total = limits_.per_group + below(2);
  limits_.percent = chance(50) ? 50 : 26;
  for (const auto& name : containers_) {
    SimContainer container;
    container.name = name;
    const std::string health = "http://" + name + "/healthz";
    container.labels = {{"heal.enable", "true"}, {"heal.health", health}};
    if (const auto group = group_of(name); !group.empty()) container.labels["heal.group"] = group;
    engine_->add(container);
    http_.on("GET", health, [this, name](const HttpClientRequest&) {
      if (engine_->serves(name)) return HttpAnswer::of(200, "ok");
      return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
    });
  }
  processes_.on("/bin/tell", ProcessScript::exits(0, "", "", chance(30) ? Duration(2s) : Duration{}));
  if (chance(50)) engine_->set_delay("restart", 300ms);
  config::Diagnostics diagnostics;
  auto config = playbook::parse_heal_config(heal_yml(limits_), "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  auto world = std::make_shared<remedy::World>();
  for (const std::string& text : {kPlaybook, kAgain, kGhost}) {
    auto book = playbook::parse_playbook(text, "playbook.yml", config->guards, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(book);
    world->bundle.playbooks.insert_or_assign(book->name, *book);
  }
  world->bundle.config = std::move(*config);
  world->engines["local"] = engine_;
  world->alertmanagers.push_back(alertmanager_);
  world_.emplace(std::shared_ptr<const remedy::World>(std::move(world)));
  clock_.advance(1h);
  clock_history_.emplace(clock_);  // what was before is a time that nothing happened at
  start_service();
}

Fleet::~Fleet() {
  if (service_) service_->stop(0s);
}

void Fleet::start_service() {
  store_ = std::make_shared<FailingStore>(memory_);
  remedy::CoordinatorOptions options;
  options.workers = 4;
  options.on_commit = [this] { count_in_flight(); };
  service_ = std::make_unique<Coordinator>(*store_, *world_, remedy::Tools{clock_, ids_, http_, dialer_, processes_},
                                           Logger::none(), remedy_metrics_, std::move(options));
  REQUIRE(service_->start().has_value());
}

/// As kill -9 does it: nothing more reaches the store.
void Fleet::kill_service() {
  ++lived_.kills;
  store_->fail_all(make_error(ErrorCode::kStorage, "killed"));
  service_.reset();
}

/// Called by the service's own thread.
void Fleet::count_in_flight() {
  const auto open = memory_->open_incidents();
  if (!open.has_value()) return;
  std::map<std::string, std::size_t> of_group;
  std::set<std::string> targets;
  std::size_t total = 0;
  for (const auto& incident : *open) {
    const std::string name = name_of(incident);
    promise(targets.insert(name).second, fmt::format("two open incidents on {}", name));
    if (!is_in_hand(incident.state)) continue;
    ++total;
    if (const auto group = group_of(name); !group.empty()) ++of_group[group];
  }
  promise(total <= limits_.total, fmt::format("{} heals in flight, {} may be", total, limits_.total));
  for (const auto& [group, count] : of_group)
    promise(count <= limits_.per_group, fmt::format("{} heals of group {} in flight", count, group));
}

void Fleet::promise(bool holds, const std::string& what) {
  if (holds) return;
  MutexLock lock(mutex_);
  broken_.push_back(what);
}

const std::string& Fleet::any_container() {
  return containers_[below(static_cast<std::uint32_t>(containers_.size()))];
}

void Fleet::let_time_pass(std::uint32_t wake_ups) {
  for (std::uint32_t i = 0; i < wake_ups; ++i) {
    // Mostly the world waits for the service; sometimes it does not.
    for (int patience = chance(50) ? 8 : 1; patience > 0 && !all_others_sleep(); --patience)
      std::this_thread::yield();
    if (!clock_.advance_to_next()) clock_.advance(1s);
  }
}

void Fleet::live(int moves) {
  for (int i = 0; i < moves; ++i) {
    const std::uint32_t move = below(100);
    if (move < 35) {
      break_something();
    } else if (move < 50) {
      repeat_alerts();
    } else if (move < 70) {
      resolve_what_serves();
    } else if (move < 90) {
      trouble();
    }
    clock_.advance(1ms);
    let_time_pass(below(12));
  }
}

void Fleet::break_something() {
  const std::string name = any_container();
  engine_->kill_process(name);
  clock_.advance(1ms);
  if (!engine_->serves(name) && !firing_.contains(name) && chance(90)) fire_for(name);
}

void Fleet::fire_for(const std::string& container) {
  Alert alert;
  alert.labels = {{"alertname", "Down"}, {"container", container}, {"fault", fmt::format("{}", ++faults_)}};
  alert.starts_at = clock_.now();
  alert.fingerprint = fingerprint_of(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = "active";
  alertmanager_->hold(active);
  firing_[container] = alert;
  send({alert});
}

void Fleet::repeat_alerts() {
  std::vector<Alert> alerts;
  for (const auto& [name, alert] : firing_) {
    if (chance(60)) alerts.push_back(alert);
    if (chance(10)) alerts.push_back(alert);
  }
  if (!past_.empty() && chance(30)) alerts.push_back(past_[below(static_cast<std::uint32_t>(past_.size()))]);
  if (!alerts.empty()) send(alerts);
}

void Fleet::resolve_what_serves() {
  std::vector<Alert> alerts;
  for (auto it = firing_.begin(); it != firing_.end();) {
    if (!engine_->serves(it->first)) {
      ++it;
      continue;
    }
    Alert alert = it->second;
    alertmanager_->forget(alert.labels);
    alert.status = AlertStatus::kResolved;
    alert.ends_at = clock_.now();
    past_.push_back(alert);
    alerts.push_back(alert);
    it = firing_.erase(it);
  }
  if (!alerts.empty()) send(alerts);
}

void Fleet::trouble() {
  switch (below(clock_jumps_ ? 9 : 8)) {
    case 0:
      kill_service();
      let_time_pass(below(4));
      return start_service();
    case 1:
      return chance(50) ? engine_->go_away() : engine_->come_back();
    case 2:
      return alertmanager_->set_status(chance(50) ? Status(make_error(ErrorCode::kUnreachable, "Alertmanager is gone"))
                                                  : Status());
    case 3:
      return store_->fail_all(chance(50) ? std::optional(make_error(ErrorCode::kStorage, "disk full")) : std::nullopt);
    case 4:
      return engine_->lose_answer_of_next("restart", make_error(ErrorCode::kUnavailable, "the answer was lost"));
    case 5:
      return engine_->fail_next("restart", make_error(ErrorCode::kUnavailable, "the engine is busy"));
    case 6:
      return engine_->fail_next("list", make_error(ErrorCode::kUnavailable, "the engine is busy"));
    case 7:
      engine_->come_back();
      alertmanager_->set_status({});
      return store_->fail_all(std::nullopt);
    default:
      ++lived_.jumps;
      return clock_history_->set_by(chance(50) ? 1h : -1h);
  }
}

void Fleet::send(const std::vector<Alert>& alerts) {
  AlertGroup group;
  group.receiver = "heal-webhook";
  group.external_url = "http://alertmanager:9093";
  group.alerts = alerts;
  auto promised = std::make_shared<std::promise<Result<remedy::IngestReply>>>();
  auto reply = promised->get_future();
  service_->ingest(remedy::events_of(group),
                   [promised](Result<remedy::IngestReply> answer) { promised->set_value(std::move(answer)); });
  if (!reply.get().has_value()) return;
  for (const auto& alert : alerts) {
    accepted_.insert("am:" + alert.episode_key());
    if (alert.status == AlertStatus::kFiring) accepted_firing_.insert("am:" + alert.episode_key());
  }
}

bool Fleet::is_at_rest() {
  const auto open = memory_->open_incidents();
  REQUIRE(open.has_value());
  return open->empty() && firing_.empty();
}

void Fleet::recover() {
  engine_->come_back();
  alertmanager_->set_status({});
  store_->fail_all(std::nullopt);
  for (int round = 0; round < kMostRounds && !is_at_rest(); ++round) {
    if (round == 20) {  // what the service leaves alone, its people start
      for (const auto& name : containers_)
        (void)engine_->start(name, clock_.deadline_in(10s), {});
    }
    resolve_what_serves();
    repeat_alerts();
    for (int i = 0; i < 10; ++i) {
      while (!all_others_sleep())
        std::this_thread::yield();
      if (!clock_.advance_to_next()) clock_.advance(1s);
    }
  }
}

std::vector<std::string> Fleet::broken_promises() {
  for (const auto& violation : engine_->violations())
    promise(false, violation);
  check_ends();
  check_episodes();
  check_commands();
  check_restarts();
  check_population();
  const auto altered = memory_->first_altered_entry();
  promise(altered.has_value() && !altered->has_value(), "the journal's chain is broken");
  promise(remedy_metrics_.broken_invariants.value() == 0, "an incident was given an event that its state forbids");
  MutexLock lock(mutex_);
  return broken_;
}

Fleet::Lived Fleet::lived() {
  Lived out = lived_;
  out.commands = processes_.runs().size();
  for (const auto& call : engine_->calls()) {
    if (call.verb == "restart") ++out.restarts;
  }
  IncidentQuery query;
  query.limit = 1000;
  const auto incidents = memory_->incidents(query);
  for (const auto& incident : *incidents) {
    if (incident.times.verified_at) ++out.verified;
  }
  const auto entries = memory_->entries_after(0, 1'000'000);
  for (const auto& entry : *entries) {
    if (entry.kind == "decision" && get_string(*parse_json(entry.data), "result") == "hold") ++out.held;
  }
  return out;
}

void Fleet::check_ends() {
  const auto open = memory_->open_incidents();
  REQUIRE(open.has_value());
  for (const auto& incident : *open)
    promise(false, fmt::format("incident {} on {} never ended: {} {}: {}", incident.id, name_of(incident),
                               to_string(incident.state), incident.reason, incident.message));
  IncidentQuery query;
  query.limit = 1000;
  const auto all = memory_->incidents(query);
  REQUIRE(all.has_value());
  for (const auto& incident : *all)
    promise(!incident.reason.empty(), fmt::format("incident {} has no reason", incident.id));
  const auto steps = memory_->open_steps();
  promise(steps.has_value() && steps->empty(), "a step was begun and nobody said what became of it");
}

void Fleet::check_episodes() {
  for (const auto& key : accepted_) {
    const auto episode = memory_->episode(key);
    const bool is_known = episode.has_value() && episode->has_value();
    promise(is_known, fmt::format("episode {} was accepted and is lost", key));
    if (is_known) check_incident_of(**episode);
  }
}

/// An alert that was taken while it fired is in an incident, or came when its fault was healed already.
void Fleet::check_incident_of(const Episode& episode) {
  if (!episode.incident_id.empty()) {
    const auto incident = memory_->incident(episode.incident_id);
    promise(incident.has_value() && incident->has_value(),
            fmt::format("episode {} is of incident {}, which does not exist", episode.key, episode.incident_id));
    return;
  }
  if (!accepted_firing_.contains(episode.key) || lived_.jumps > 0) return;  // its times say nothing after a jump
  IncidentQuery query;
  query.limit = 1000;
  const auto all = memory_->incidents(query);
  const bool is_healed = std::any_of(all->begin(), all->end(), [&](const Incident& incident) {
    return name_of(incident) == episode.labels.at("container") && incident.times.verified_at &&
           *incident.times.verified_at >= episode.starts_at;
  });
  promise(is_healed, fmt::format("episode {} was accepted, and is in no incident", episode.key));
}

/// Nor is a restart repeated within an attempt, whatever became of its answer.
void Fleet::check_restarts() {
  IncidentQuery query;
  query.limit = 1000;
  const auto all = memory_->incidents(query);
  std::map<std::string, std::size_t> attempts;
  for (const auto& incident : *all)
    attempts[name_of(incident)] += incident.attempt;
  for (const auto& name : containers_) {
    const std::size_t times = engine_->times_restarted(name);
    promise(times <= attempts[name],
            fmt::format("{} was restarted {} times in {} attempts", name, times, attempts[name]));
  }
}

/// A command is not idempotent: one run for each time that the guards let its incident begin.
void Fleet::check_commands() {
  std::map<std::string, std::size_t> runs;
  for (const auto& spec : processes_.runs())
    ++runs[spec.argv.back()];
  std::map<std::string, std::size_t> attempts;
  IncidentQuery query;
  query.limit = 1000;
  const auto all = memory_->incidents(query);
  for (const auto& incident : *all) {
    if (incident.episode_keys.empty()) continue;
    const auto episode = memory_->episode(incident.episode_keys.front());
    if (!episode.has_value() || !*episode) continue;
    const auto fault = (*episode)->labels.find("fault");
    if (fault != (*episode)->labels.end()) attempts[fault->second] += incident.attempt;
  }
  for (const auto& [fault, count] : runs)
    promise(count <= attempts[fault],
            fmt::format("fault {}: the command ran {} times in {} attempts", fault, count, attempts[fault]));
}

/// Whoever was down all the while that a heal was decided counts against it, and so does its target. The record knows
/// the wall clock's times alone; what counts is when they were by the clock that does not jump.
void Fleet::check_population() {
  const auto entries = memory_->entries_after(0, 1'000'000);
  REQUIRE(entries.has_value());
  for (const auto& entry : *entries) {
    if (entry.kind != "decision") continue;
    const auto data = parse_json(entry.data);
    if (get_string(*data, "result") != "allow") continue;
    const auto asked = clock_history_->moments_of(*get_time(*data, "gathered_at"));
    const auto decided = clock_history_->moments_of(entry.at);
    promise(!asked.empty() && !decided.empty(), "a decision was made at a time that never was");
    if (asked.size() != 1 || decided.size() != 1) continue;  // when it was made cannot be told
    ++lived_.populations;
    if (lived_.jumps > 0) ++lived_.populations_despite_jumps;
    const auto incident = memory_->incident(entry.incident_id);
    const std::string name = name_of(**incident);
    const std::string group = group_of(name);
    if (group.empty()) continue;
    std::size_t members = 0, down = 0;
    for (const auto& other : containers_) {
      if (group_of(other) != group) continue;
      ++members;
      if (other == name || engine_->was_down(other, asked.front(), decided.front())) ++down;
    }
    const std::size_t most = std::max<std::size_t>(members * limits_.percent / 100, limits_.at_least);
    promise(down <= most, fmt::format("{} of {} members of {} were down when {} was acted on; {} may be", down, members,
                                      group, name, most));
  }
}

}  // namespace heal::test
