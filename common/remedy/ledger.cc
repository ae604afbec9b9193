#include "common/remedy/ledger.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/ids.h"
#include "common/remedy/progress_json.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

const TargetHistory kNoHistory;

}  // namespace

Ledger::Ledger(Store& store, Clock& clock, Random& random, Logger logger, RemedyMetrics metrics)
    : store_(store), clock_(clock), random_(random), logger_(std::move(logger)), metrics_(metrics) {}

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
  HEAL_TRY(auto episodes, store_.unresolved_episodes());
  for (auto& episode : episodes) {
    if (auto* open = open_.edit(episode.incident_id)) open->unresolved.insert(episode.key);
    episodes_.put(episode.key, episode);
  }
  HEAL_TRY(auto steps, store_.open_steps());
  for (const auto& step : steps) {
    if (auto* open = open_.edit(step.incident_id)) open->unknown_steps.insert(step.step_id);
  }
  HEAL_TRY(auto histories, store_.values(std::string(kHistoryPrefix)));
  for (const auto& [key, text] : histories) {
    HEAL_TRY(auto history, parse_target_history(text).with_context("stored value {}", key));
    histories_.put(key.substr(kHistoryPrefix.size()), std::move(history));
  }
  open_.commit();
  by_target_.commit();
  episodes_.commit();
  histories_.commit();
  show_gauges();
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
  if (const Episode* episode = episodes_.find(key)) return std::optional(*episode);
  if (auto it = written_episodes_.find(key); it != written_episodes_.end()) return std::optional(it->second);
  return store_.episode(key);
}

Result<std::optional<Incident>> Ledger::incident(const std::string& id) {
  if (const OpenIncident* open = open_.find(id)) return std::optional(open->incident);
  if (auto it = closed_.find(id); it != closed_.end()) return std::optional(it->second);
  return store_.incident(id);
}

std::vector<Episode> Ledger::unresolved_of(const OpenIncident& open) const {
  std::vector<Episode> out;
  for (const auto& key : open.unresolved) {
    if (const Episode* episode = episodes_.find(key)) out.push_back(*episode);
  }
  return out;
}

bool Ledger::is_unresolved(const std::string& episode_key) const {
  return episodes_.find(episode_key) != nullptr;
}

std::map<std::string, std::string> Ledger::holders(const std::vector<std::string>& targets,
                                                   const std::string& except) const {
  std::map<std::string, std::string> out;
  for (const auto& [id, open] : open_.all()) {
    if (id == except) continue;
    for (const auto& lock : open.progress.locks) {
      for (const auto& target : targets) {
        if (lock == target) out[target] = id;
      }
    }
  }
  return out;
}

std::string Ledger::new_id() {
  return make_ulid(clock_.now(), random_.next(), random_.next());
}

void Ledger::begin(Incident incident) {
  const std::string id = incident.id;
  if (is_terminal(incident.state)) {
    announce_move(incident, incident.state);
    closed_[id] = std::move(incident);
    return;
  }
  if (incident.target) by_target_.put(incident.target->str(), id);
  announce_move(incident, incident.state);
  open_.put(id, OpenIncident{std::move(incident), {}, {}, {}});
  dirty_.insert(id);
}

OpenIncident& Ledger::edit(const std::string& id) {
  OpenIncident* open = open_.edit(id);
  HEAL_CHECK(open != nullptr, "only open incidents are edited");
  dirty_.insert(id);
  return *open;
}

void Ledger::put_episode(const Episode& episode) {
  writes_.emplace_back(PutEpisode{episode});
  OpenIncident* open = open_.edit(episode.incident_id);
  if (episode.resolved_at) {
    if (open != nullptr) open->unresolved.erase(episode.key);
    episodes_.erase(episode.key);
    written_episodes_[episode.key] = episode;
  } else {
    if (open != nullptr) open->unresolved.insert(episode.key);
    episodes_.put(episode.key, episode);
  }
}

void Ledger::put_history(const std::string& target, TargetHistory history) {
  writes_.emplace_back(PutValue{history_key(target), to_json_text(history)});
  histories_.put(target, std::move(history));
}

void Ledger::append(const std::string& incident_id, std::string_view kind, std::string message, const Json& data) {
  TimelineEntry entry;
  entry.at = clock_.now();
  entry.incident_id = incident_id;
  entry.kind = kind;
  entry.message = std::move(message);
  entry.data = dump(data);
  writes_.emplace_back(AppendEntry{std::move(entry)});
}

bool Ledger::move(const std::string& id, IncidentEvent event, std::string_view reason, std::string message) {
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
  if (is_terminal(move.to)) {
    open.incident.times.closed_at = clock_.now();
    open.progress.wake_at.reset();
    open.progress.locks.clear();
    for (Episode& episode : unresolved_of(open)) {
      // Nobody else ever says that a request is over.
      if (episode.source != words::kManual) continue;
      episode.resolved_at = clock_.now();
      put_episode(episode);
    }
  }
  append(id, "state", std::move(message),
         {{"from", to_string(from)}, {"to", to_string(move.to)}, {"event", to_string(event)}, {"reason", reason}});
  announce_move(open.incident, from);
  return true;
}

void Ledger::announce_move(const Incident& incident, IncidentState from) {
  effect([this, incident, from] {
    metrics_.moves.at({std::string(to_string(incident.state))}).increment();
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

std::vector<StoreWrite> Ledger::collect_writes() const {
  std::vector<StoreWrite> all = writes_;
  for (const auto& id : dirty_) {
    const OpenIncident* open = open_.find(id);
    if (open == nullptr) continue;
    all.emplace_back(PutIncident{open->incident});
    if (is_terminal(open->incident.state)) {
      all.emplace_back(DeleteValue{progress_key(id)});
    } else {
      all.emplace_back(PutValue{progress_key(id), to_json_text(open->progress)});
    }
  }
  for (const auto& [id, incident] : closed_)
    all.emplace_back(PutIncident{incident});
  return all;
}

Status Ledger::commit() {
  const SteadyTime begun = clock_.steady_now();
  if (has_changes()) {
    Status status = store_.commit(collect_writes());
    metrics_.commit_seconds.observe(clock_.steady_now() - begun);
    if (!status.has_value()) {
      metrics_.commit_errors.increment();
      rollback();
      return status;
    }
  }
  forget_terminal();
  open_.commit();
  by_target_.commit();
  episodes_.commit();
  histories_.commit();
  std::vector<std::function<void()>> effects;
  effects.swap(effects_);
  writes_.clear();
  dirty_.clear();
  closed_.clear();
  written_episodes_.clear();
  show_gauges();
  for (const auto& effect : effects)
    effect();
  return {};
}

void Ledger::rollback() {
  open_.rollback();
  by_target_.rollback();
  episodes_.rollback();
  histories_.rollback();
  writes_.clear();
  dirty_.clear();
  closed_.clear();
  written_episodes_.clear();
  effects_.clear();
}

void Ledger::forget_terminal() {
  for (const auto& id : dirty_) {
    const OpenIncident* open = open_.find(id);
    if (open == nullptr || !is_terminal(open->incident.state)) continue;
    if (open->incident.target) {
      const std::string target = open->incident.target->str();
      const std::string* owner = by_target_.find(target);
      if (owner != nullptr && *owner == id) by_target_.erase(target);
    }
    open_.erase(id);
  }
}

void Ledger::show_gauges() const {
  std::map<IncidentState, double> counts;
  double unknown = 0;
  for (const auto& [id, open] : open_.all()) {
    counts[open.incident.state] += 1;
    unknown += static_cast<double>(open.unknown_steps.size());
  }
  for (std::size_t i = 0; i < kIncidentStateCount; ++i) {
    const auto state = static_cast<IncidentState>(i);
    if (!is_terminal(state)) metrics_.open_incidents.at({std::string(to_string(state))}).set(counts[state]);
  }
  metrics_.unknown_outcomes.set(unknown);
}

std::string progress_key(const std::string& incident_id) {
  return "progress/" + incident_id;
}

}  // namespace heal::remedy
