#include "common/remedy/ledger.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/playbook/safety.h"
#include "common/remedy/step_ref.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

const TargetHistory kNoHistory;

/// The newest of those that ended with an unknown outcome, that are looked through at a start.
constexpr std::size_t kMostHalted = 1000;
/// Between two looks at a target because of evidence that is told again: twins tell it at the same time.

}  // namespace

Ledger::Ledger(Store& store, Clock& clock, Random& random, Logger logger, RemedyMetrics metrics, std::size_t slots)
    : store_(store), clock_(clock), random_(random), logger_(std::move(logger)), metrics_(metrics), slots_(slots) {}

Status Ledger::load() {
  HEAL_TRY(auto incidents, store_.open_incidents());
  for (auto& incident : incidents) {
    OpenIncident open;
    HEAL_TRY(auto progress, store_.value(progress_key(incident.id)));
    if (progress) {
      HEAL_TRY(open.progress, parse_progress(*progress));
    }
    if (incident.target) by_target_.put(incident.target->str(), incident.id);
    const std::string id = incident.id;
    open.incident = std::move(incident);
    open_.put(id, std::move(open));
  }
  HEAL_TRY(auto episodes, store_.unresolved_refs());
  for (auto& episode : episodes) {
    firing_.put({std::move(episode.incident_id), std::move(episode.key)}, {});
  }
  HEAL_TRY(auto steps, store_.open_steps());
  for (const auto& step : steps) {
    if (auto* open = open_.edit(step.incident_id)) open->unknown_steps.emplace(step.step_id, kind_of(step.data));
  }
  HEAL_TRY(auto histories, store_.values(std::string(kHistoryPrefix)));
  for (const auto& [key, text] : histories) {
    HEAL_TRY(auto history, parse_target_history(text).with_context("stored value {}", key));
    const std::string target = key.substr(kHistoryPrefix.size());
    // A clock that was set back while we were away must not make a cooldown longer than it is.
    if (history.cooldown_from && *history.cooldown_from > clock_.now()) acted_at_.put(target, clock_.steady_now());
    histories_.put(target, std::move(history));
  }
  HEAL_TRY_STATUS(load_own_actions());
  HEAL_TRY_STATUS(controls_.load(store_, clock_.now() - playbook::kLongestStormWindow));
  open_.commit();
  by_target_.commit();
  firing_.commit();
  histories_.commit();
  acted_at_.commit();
  acted_.commit();
  locked_.commit();
  touched_.commit();
  for (const auto& [id, open] : open_.all())
    index(id);
  HEAL_TRY_STATUS(load_halted());
  show_gauges();
  return {};
}

Status Ledger::load_halted() {
  IncidentQuery query;
  query.states = {IncidentState::kInterrupted};
  query.limit = kMostHalted;
  HEAL_TRY(const auto incidents, store_.incidents(query));
  for (const auto& incident : incidents) {
    if (has_unresolved(incident.id)) halted_.insert(incident.id);
  }
  return {};
}

Status Ledger::load_own_actions() {
  HEAL_TRY(auto actions, store_.values(std::string(kOwnActionPrefix)));
  for (const auto& [key, text] : actions) {
    HEAL_TRY(auto action, parse_own_action(text).with_context("stored value {}", key));
    acted_.put(key.substr(kOwnActionPrefix.size()), std::move(action));
  }
  for (const auto& [id, open] : open_.all()) {
    if (!open.progress.locks.empty()) locked_.put(id, open.progress.locks);
    if (!open.progress.touched.empty()) touched_.put(id, open.progress.touched);
  }
  publish_locks();
  return {};
}

const OpenIncident* Ledger::open_on(const std::string& target) const {
  const std::string* id = by_target_.find(target);
  const OpenIncident* open = id == nullptr ? nullptr : open_.find(*id);
  return open == nullptr || is_terminal(open->incident.state) ? nullptr : open;
}

const TargetHistory& Ledger::history(const std::string& target) const {
  const TargetHistory* history = histories_.find(target);
  return history == nullptr ? kNoHistory : *history;
}

Result<std::optional<Episode>> Ledger::episode(const std::string& key) {
  if (const Episode* episode = written_episode(key)) return std::optional(*episode);
  return store_.episode(key);
}

Result<std::vector<Episode>> Ledger::episodes(const std::set<std::string>& keys) {
  std::vector<Episode> found;
  std::vector<std::string> stored;
  for (const std::string& key : keys) {
    if (const Episode* episode = written_episode(key)) {
      found.push_back(*episode);
    } else {
      stored.push_back(key);
    }
  }
  if (stored.empty()) return found;
  HEAL_TRY(auto read, store_.episodes(stored));
  if (found.empty()) return read;
  found.insert(found.end(), std::make_move_iterator(read.begin()), std::make_move_iterator(read.end()));
  std::sort(found.begin(), found.end(), [](const Episode& a, const Episode& b) { return a.key < b.key; });
  return found;
}

const Episode* Ledger::written_episode(const std::string& key) const {
  const auto it = written_episodes_.find(key);
  return it == written_episodes_.end() ? nullptr : &std::get<PutEpisode>(writes_[it->second]).episode;
}

Result<std::optional<Incident>> Ledger::incident(const std::string& id) {
  if (const OpenIncident* open = open_.find(id)) return std::optional(open->incident);
  if (auto it = closed_.find(id); it != closed_.end()) return std::optional(it->second);
  return store_.incident(id);
}

Result<std::vector<Episode>> Ledger::unresolved_of(const std::string& id, std::size_t most) {
  std::set<std::string> keys;
  const auto& all = firing_.all();
  for (auto it = all.lower_bound({id, ""}); it != all.end() && it->first.first == id && keys.size() < most; ++it)
    keys.insert(keys.end(), it->first.second);
  return episodes(keys);
}

bool Ledger::has_unresolved(const std::string& id) const {
  const auto it = firing_.all().lower_bound({id, ""});
  return it != firing_.all().end() && it->first.first == id;
}

std::map<std::string, std::string> Ledger::holders(const std::vector<std::string>& targets,
                                                   const std::string& except) const {
  std::map<std::string, std::string> out;
  for (const auto& id : candidates(active_)) {
    const OpenIncident* open = open_.find(id);
    if (open == nullptr || id == except || are_locks_over(id)) continue;
    for (const auto& lock : open->progress.locks) {
      for (const auto& target : targets) {
        if (lock == target) out[target] = id;
      }
    }
  }
  return out;
}

std::set<std::string> Ledger::candidates(const std::set<std::string>& of) const {
  std::set<std::string> all = of;
  all.insert(dirty_.begin(), dirty_.end());
  return all;
}

bool Ledger::are_locks_over(const std::string& id) const {
  const auto it = leases_.find(id);
  return it != leases_.end() && clock_.steady_now() >= it->second.until;
}

void Ledger::lease_locks(const std::string& id, Duration ttl) {
  leases_[id] = {ttl, clock_.steady_now() + ttl};
}

Status Ledger::hold_locks(const std::string& id, std::uint64_t attempt) {
  const OpenIncident* open = open_.find(id);
  if (open == nullptr || open->incident.attempt != attempt)
    return make_error(ErrorCode::kCancelled, "attempt {} of incident {} is over", attempt, id);
  if (are_locks_over(id)) {
    if (const auto others = holders(open->progress.locks, id); !others.empty())
      return make_error(ErrorCode::kCancelled, "its lock ran out, and incident {} has taken {}", others.begin()->second,
                        others.begin()->first);
  }
  if (auto it = leases_.find(id); it != leases_.end()) it->second.until = clock_.steady_now() + it->second.ttl;
  return {};
}

std::vector<InFlight> Ledger::in_flight(const std::string& except) const {
  std::vector<InFlight> out;
  for (const auto& id : candidates(active_)) {
    const OpenIncident* open = open_.find(id);
    if (open == nullptr || id == except || !is_in_flight(open->incident.state)) continue;
    const auto& incident = open->incident;
    out.push_back({id, incident.target ? incident.target->str() : "", open->progress.group, incident.playbook});
  }
  return out;
}

std::optional<Duration> Ledger::acted_ago(const std::string& target) const {
  const SteadyTime* acted_at = acted_at_.find(target);
  if (acted_at == nullptr) return std::nullopt;
  return clock_.steady_now() - *acted_at;
}

std::string Ledger::new_id() {
  const std::uint64_t high = random_.next();
  return ids_.next(clock_.now(), high, random_.next());
}

bool Ledger::may_look(const std::string& target) {
  const SteadyTime now = clock_.steady_now();
  if (now - looks_forgotten_at_ >= kLookAgain) {
    std::erase_if(looked_at_, [&](const auto& look) { return now - look.second >= kLookAgain; });
    looks_forgotten_at_ = now;
  }
  const auto [it, is_first] = looked_at_.try_emplace(target, now);
  if (!is_first && now - it->second < kLookAgain) return false;
  it->second = now;
  return true;
}

void Ledger::begin(Incident incident) {
  const std::string id = incident.id;
  if (is_terminal(incident.state)) {
    announce_move(incident, incident.state);
    closed_[id] = std::move(incident);
    return;
  }
  if (incident.target) {
    const std::string target = incident.target->str();
    by_target_.put(target, id);
    controls_.note_incident(target, clock_.now());
    if (TargetHistory known = history(target); known.is_known()) {
      known.troubled();
      put_history(target, std::move(known));
    }
  }
  announce_move(incident, incident.state);
  open_.put(id, OpenIncident{std::move(incident), {}, {}});
  dirty_.insert(id);
}

OpenIncident& Ledger::edit(const std::string& id) {
  OpenIncident* open = open_.edit(id);
  HEAL_CHECK(open != nullptr, "only open incidents are edited");
  dirty_.insert(id);
  return *open;
}

void Ledger::put_episode(Episode episode, const Episode* before) {
  if (before != nullptr && before->incident_id != episode.incident_id)
    firing_.erase({before->incident_id, episode.key});
  if (episode.resolved_at) {
    firing_.erase({episode.incident_id, episode.key});
  } else {
    firing_.put({episode.incident_id, episode.key}, {});
  }
  written_episodes_[episode.key] = writes_.size();
  writes_.emplace_back(PutEpisode{std::move(episode)});
}

void Ledger::put_closed(const Incident& incident, std::string_view ended_by) {
  closed_[incident.id] = incident;
  if (incident.times.resolved_at && words::is_proof_of_health(ended_by) &&
      open_on(incident.target ? incident.target->str() : "") == nullptr)
    see_health(incident, *incident.times.resolved_at);
}

void Ledger::put_history(const std::string& target, TargetHistory history) {
  if (history.cooldown_from != this->history(target).cooldown_from) acted_at_.put(target, clock_.steady_now());
  writes_.emplace_back(PutValue{history_key(target), to_json_text(history)});
  histories_.put(target, std::move(history));
}

void Ledger::take_back_history(const std::string& target, TargetHistory history) {
  put_history(target, std::move(history));
  acted_at_.erase(target);  // when it was acted on before that is told by the wall clock
}

void Ledger::bring_forward(Duration by) {
  const WallTime now = clock_.now();
  std::vector<std::string> targets;
  for (const auto& [target, history] : histories_.all()) {
    if (const auto newest = history.newest(); newest && *newest > now) targets.push_back(target);
  }
  for (const auto& target : targets) {
    TargetHistory history = *histories_.find(target);
    history.bring_forward(by);
    // Not put_history(): how long ago it was acted on has not changed.
    writes_.emplace_back(PutValue{history_key(target), to_json_text(history)});
    histories_.put(target, std::move(history));
  }
  if (const auto& storm = controls().storm; storm && storm->is_active(now)) {
    Storm earlier = *storm;
    earlier.since -= by;
    earlier.until -= by;
    writes_.emplace_back(PutValue{std::string(kStormKey), dump(to_json(earlier))});
    edit_controls().storm = earlier;
  }
  const auto truncations = controls().truncations;
  for (auto [group, truncation] : truncations) {
    if (truncation.at <= now) continue;
    truncation.at -= by;
    writes_.emplace_back(PutValue{std::string(kTruncationPrefix) + group, dump(to_json(truncation))});
    edit_controls().truncations[group] = truncation;
  }
  effect([this, by] { controls_.bring_recent_forward(by); });
}

void Ledger::append(const std::string& incident_id, std::string_view kind, std::string message, const Json& data) {
  append_text(incident_id, kind, std::move(message), dump(data));
}

void Ledger::append_text(const std::string& incident_id, std::string_view kind, std::string message, std::string data) {
  TimelineEntry entry;
  entry.at = clock_.now();
  entry.incident_id = incident_id;
  entry.kind = kind;
  entry.message = std::move(message);
  entry.data = std::move(data);
  writes_.emplace_back(AppendEntry{std::move(entry)});
}

bool Ledger::move(const std::string& id, IncidentEvent event, std::string_view reason, const std::string& message) {
  OpenIncident& open = edit(id);
  const IncidentState from = open.incident.state;
  const IncidentMove move = incident_move(from, event);
  if (move.kind == IncidentMove::Kind::kNever) {
    metrics_.broken_invariants.increment();
    logger_.error("impossible event for an incident",
                  {{"incident", id}, {"state", to_string(from)}, {"event", to_string(event)}});
    return false;
  }
  if (move.kind == IncidentMove::Kind::kStay) return false;
  open.incident.state = move.to;
  open.incident.reason = reason;
  open.incident.message = message;
  if (is_terminal(move.to)) end_move(open);
  if (is_in_flight(from) && !is_in_flight(move.to)) {
    judge_steps(open);
    make_room(open);
  }
  append(id, "state", message,
         {{"from", to_string(from)}, {"to", to_string(move.to)}, {"event", to_string(event)}, {"reason", reason}});
  announce_move(open.incident, from);
  return true;
}

/// Only a verification that passes leads from in flight to recovered.
void Ledger::judge_steps(OpenIncident& open) {
  const bool is_proven = open.incident.state == IncidentState::kRecovered;
  for (const RanStep& step : std::exchange(open.progress.unjudged, {}))
    count_action(step.playbook, step.kind, is_proven ? words::kVerified : words::kRanUnverified);
}

void Ledger::end_move(OpenIncident& open) {
  const WallTime now = clock_.now();
  open.incident.times.closed_at = now;
  open.progress.wake_at.reset();
  open.progress.let_go();
  const std::string& id = open.incident.id;
  // Nobody will find out any more what became of them.
  for (const auto& [step, kind] : std::exchange(open.unknown_steps, {})) {
    if (!kind.empty()) count_action(open.incident.playbook, kind, words::kUnknown);
    append(id, "step_unknown", fmt::format("step {} was begun and has no outcome: it stays unknown", step),
           {{"step_id", step}});
    write(PutStepOutcome{id, step});
  }
  // Nobody else ever says that a request is over.
  const auto manual = firing_.all().lower_bound({id, "manual:"});
  const bool is_asked_for =
      manual != firing_.all().end() && manual->first.first == id && manual->first.second.starts_with("manual:");
  auto episodes = is_asked_for ? unresolved_of(id) : Result<std::vector<Episode>>(std::vector<Episode>());
  for (Episode& episode : episodes.has_value() ? *episodes : std::vector<Episode>()) {
    if (episode.source != words::kManual) continue;
    episode.resolved_at = now;
    put_episode(std::move(episode));
  }
  const std::string& reason = open.incident.reason;
  const IncidentState state = open.incident.state;
  const bool was_healthy =
      state == IncidentState::kStale && reason != "target_changed" && words::is_proof_of_health(reason);
  const bool was_ended = open.incident.times.resolved_at && words::is_proof_of_health(open.progress.ended_by);
  // What was looked at and found bad is not well because its alerts have resolved.
  const bool is_further_rung = open.progress.ladder && open.progress.ladder->next > 0;
  const bool is_seen_bad =
      (state == IncidentState::kFailed && (is_further_rung || reason == words::kNotVerified || reason == "relapsed")) ||
      (state == IncidentState::kStale && is_further_rung && open.progress.has_died && reason == "alert_resolved");
  if ((was_healthy || was_ended) && !is_seen_bad) see_health(open.incident, now);
}

void Ledger::see_health(const Incident& incident, WallTime at) {
  if (!incident.target) return;
  const std::string target = incident.target->str();
  TargetHistory known = history(target);
  if (!known.is_known() || known.healthy_since) return;
  known.is_healthy(at);
  put_history(target, std::move(known));
}

void Ledger::make_room(const OpenIncident& ended) {
  const OpenIncident* next_of_group = nullptr;
  const OpenIncident* next = nullptr;
  // By id, which is by age: who has waited longest is asked about first.
  for (const auto& id : candidates(waiting_)) {
    const OpenIncident* open = open_.find(id);
    if (open == nullptr || open->incident.state != IncidentState::kHeld) continue;
    const std::string& reason = open->incident.reason;
    if (next_of_group == nullptr && reason == words::kGroupBusy && open->progress.group == ended.progress.group)
      next_of_group = open;
    if (next == nullptr && reason == words::kTooManyInFlight) next = open;
  }
  for (const OpenIncident* waiting : {next_of_group, next}) {
    if (waiting != nullptr) edit(waiting->incident.id).progress.wake_at = clock_.now();
  }
}

void Ledger::announce_move(const Incident& incident, IncidentState from) {
  tally_.count_move(incident.state);
  if (!logger_.enabled(LogLevel::kInfo)) return;
  effect([this, incident, from] {
    logger_.info(from == incident.state ? "incident opened" : "incident moved",
                 {{"incident", incident.id},
                  {"target", incident.target ? incident.target->str() : ""},
                  {"name", incident.name},
                  {"playbook", incident.playbook},
                  {"from", to_string(from)},
                  {"to", to_string(incident.state)},
                  {"reason", incident.reason}});
  });
}

std::string progress_key(const std::string& incident_id) {
  return "progress/" + incident_id;
}

}  // namespace heal::remedy
