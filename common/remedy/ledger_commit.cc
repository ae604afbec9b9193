#include <algorithm>
#include <utility>

#include "common/remedy/ledger.h"
#include "common/remedy/words.h"

// How a batch becomes durable, or is taken back.

namespace heal::remedy {
namespace {

constexpr std::size_t kMostKeptWrites = 8192;

}  // namespace

void Ledger::publish_locks() {
  auto holders = std::make_shared<LockHolders>();
  for (const auto& [id, targets] : locked_.all()) {
    for (const auto& target : targets)
      holders->insert_or_assign(target, id);
  }
  lock_holders_.set(std::move(holders));
}

void Ledger::note_locks() {
  for (const auto& id : dirty_) {
    const OpenIncident* open = open_.find(id);
    const std::vector<std::string> now = open == nullptr ? std::vector<std::string>() : open->progress.locks;
    const std::vector<std::string>* known = locked_.find(id);
    if (now == (known == nullptr ? std::vector<std::string>() : *known)) continue;
    have_locks_changed_ = true;
    if (now.empty()) {
      locked_.erase(id);
    } else {
      locked_.put(id, now);
    }
  }
}

void Ledger::note_own_actions() {
  const auto put = [this](const std::string& target, OwnAction action) {
    writes_.emplace_back(PutValue{own_action_key(target), to_json_text(action)});
    acted_.put(target, std::move(action));
  };
  for (const auto& id : dirty_) {
    const OpenIncident* open = open_.find(id);
    const std::vector<std::string> now = open == nullptr ? std::vector<std::string>() : open->progress.touched;
    const std::vector<std::string>* known = touched_.find(id);
    const std::vector<std::string> before = known == nullptr ? std::vector<std::string>() : *known;
    if (now == before) continue;
    for (const auto& target : now) {
      if (std::find(before.begin(), before.end(), target) == before.end()) put(target, {id, clock_.now(), {}});
    }
    for (const auto& target : before) {
      const OwnAction* action = acted_.find(target);
      const bool is_given_up = std::find(now.begin(), now.end(), target) == now.end();
      if (is_given_up && action != nullptr && action->incident_id == id)
        put(target, {id, action->from, std::max(action->from, clock_.now())});
    }
    if (now.empty()) {
      touched_.erase(id);
    } else {
      touched_.put(id, now);
    }
  }
}

void Ledger::add_incidents() {
  for (const auto& id : dirty_) {
    const OpenIncident* open = open_.find(id);
    if (open == nullptr) continue;
    writes_.emplace_back(PutIncident{open->incident});
    if (is_terminal(open->incident.state)) {
      writes_.emplace_back(DeleteValue{progress_key(id)});
    } else {
      writes_.emplace_back(PutValue{progress_key(id), to_json_text(open->progress)});
    }
  }
  for (auto& [id, incident] : closed_)
    writes_.emplace_back(PutIncident{std::move(incident)});
  closed_.clear();
}

/// Their memory is used again, unless it is very much.
void Ledger::forget_writes() {
  writes_.clear();
  if (writes_.capacity() > kMostKeptWrites) writes_.shrink_to_fit();
  written_episodes_.clear();
}

Status Ledger::commit() {
  const SteadyTime begun = clock_.steady_now();
  note_locks();
  note_own_actions();
  if (has_changes()) {
    add_incidents();
    Status status = store_.commit(writes_);
    metrics_.commit_seconds.observe(clock_.steady_now() - begun);
    if (!status.has_value()) {
      metrics_.commit_errors.increment();
      rollback();
      return status;
    }
  }
  forget_writes();
  finish();
  return {};
}

/// Incidents that ended with an unknown outcome while their alerts fire: until these have ended, or are another's.
void Ledger::note_halted() {
  for (const auto& id : dirty_) {
    const OpenIncident* open = open_.find(id);
    if (open != nullptr && open->incident.state == IncidentState::kInterrupted) halted_.insert(id);
  }
  std::erase_if(halted_, [this](const std::string& id) { return !has_unresolved(id); });
}

void Ledger::finish() {
  note_halted();
  forget_terminal();
  open_.commit();
  by_target_.commit();
  firing_.commit();
  histories_.commit();
  acted_at_.commit();
  acted_.commit();
  locked_.commit();
  touched_.commit();
  controls_.commit(clock_.now());
  if (std::exchange(have_locks_changed_, false)) publish_locks();
  for (const auto& id : dirty_)
    index(id);
  last_changed_ = std::move(dirty_);
  dirty_.clear();
  closed_.clear();
  std::vector<std::function<void()>> effects;
  effects.swap(effects_);
  tally_.show(metrics_);
  show_gauges();
  for (const auto& effect : effects)
    effect();
}

/// Keeps what is told of open_ true for one incident.
void Ledger::index(const std::string& id) {
  if (const auto it = shown_.find(id); it != shown_.end()) {
    --open_by_state_[it->second.state];
    unknown_steps_ -= it->second.unknown_steps;
    shown_.erase(it);
  }
  active_.erase(id);
  waiting_.erase(id);
  const OpenIncident* open = open_.find(id);
  if (open == nullptr) return;
  const bool is_unknown = open->incident.state == IncidentState::kEscalated &&
                          open->incident.reason == words::kOutcomeUnknown && open->unknown_steps.empty();
  const Shown now{open->incident.state, open->unknown_steps.size() + (is_unknown ? 1 : 0)};
  ++open_by_state_[now.state];
  unknown_steps_ += now.unknown_steps;
  shown_.emplace(id, now);
  if (is_in_flight(now.state) || !open->progress.locks.empty()) active_.insert(id);
  const std::string& reason = open->incident.reason;
  if (now.state == IncidentState::kHeld && (reason == words::kGroupBusy || reason == words::kTooManyInFlight))
    waiting_.insert(id);
}

void Ledger::rollback() {
  open_.rollback();
  by_target_.rollback();
  firing_.rollback();
  histories_.rollback();
  acted_at_.rollback();
  acted_.rollback();
  locked_.rollback();
  touched_.rollback();
  controls_.rollback();
  forget_writes();
  dirty_.clear();
  closed_.clear();
  tally_.clear();
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
    leases_.erase(id);
  }
}

void Ledger::show_gauges() const {
  for (std::size_t i = 0; i < kIncidentStateCount; ++i) {
    const auto state = static_cast<IncidentState>(i);
    if (is_terminal(state)) continue;
    const auto it = open_by_state_.find(state);
    metrics_.open_incidents.at({std::string(to_string(state))})
        .set(it == open_by_state_.end() ? 0 : static_cast<double>(it->second));
  }
  metrics_.unknown_outcomes.set(static_cast<double>(unknown_steps_ + halted_.size()));
  const auto asked = open_by_state_.find(IncidentState::kAwaitingApproval);
  metrics_.approval_pending.set(asked == open_by_state_.end() ? 0 : static_cast<double>(asked->second));
}

}  // namespace heal::remedy
