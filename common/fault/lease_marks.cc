#include <algorithm>
#include <set>
#include <utility>

#include "common/fault/held_fault.h"
#include "common/fault/lease_keeper.h"
#include "common/model/image_name.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal::fault {
namespace {

using State = FaultLease::State;

/// An engine that does not answer must not keep the faults on the others from being undone.
constexpr Duration kListTime = 5s;
/// Nobody waits as long for a helper that is to say something and end. Counted while this keeper sees that it does not
/// run, by its own clock: the engine's may be another, and a waiter must not lose its helper to the difference.
constexpr Duration kHelperAge = 5min;

/// The lease that a holder's label tells of. It was in force, whatever state it was written in.
Result<FaultLease> lease_of(const ContainerInfo& holder) {
  HEAL_TRY(const Json json, parse_json(label_value(holder.labels, kLeaseLabel)));
  HEAL_TRY(const Json* inner, get_object(json, "lease"));
  HEAL_TRY(FaultLease lease, lease_from_json(*inner, "/lease"));
  HEAL_TRY(lease.undo, get_string(json, "undo"));
  HEAL_TRY(lease.original, get_string(json, "original"));
  HEAL_TRY_STATUS(Recipe::parse(lease.undo));
  lease.state = State::kApplied;
  lease.last_error.clear();
  return lease;
}

bool is_holder(const ContainerInfo& container) {
  return has_marks_of_helper(container) && !label_value(container.labels, kLeaseLabel).empty();
}

/// Between create and start, or between its end and its removal by whoever asked it.
bool is_idle_helper(const ContainerInfo& container) {
  return has_marks_of_helper(container) && !is_holder(container) && !container.running();
}

}  // namespace

Status LeaseKeeper::check_image(const ContainerInfo& helper, const std::string& engine, Deadline deadline,
                                const std::stop_token& stop) {
  HEAL_TRY(const auto found, engine_of({"container", engine, helper.name}));
  // A list shows the image's id once its name stands for another one.
  HEAL_TRY(const ContainerInfo whole, found->inspect(helper.id, deadline, stop));
  if (is_same_repository(whole.image, tools_.holder.image)) return {};
  return make_error(ErrorCode::kRefused, "container {} is of image {}", whole.name, whole.image);
}

void LeaseKeeper::adopt(const ContainerInfo& holder, const std::string& engine, const std::stop_token& stop) {
  auto lease = lease_of(holder);
  const bool is_good = lease && find_fault(lease->kind) != nullptr && lease->target.engine == engine;
  if (!is_good) return;
  bool is_over = false;
  {
    MutexLock lock(mutex_);
    const auto found = held_.find(lease->id);
    if (found != held_.end() && found->second.lease.state != State::kReverted) return;
    is_over = found != held_.end();
  }
  if (!check_image(holder, engine, call_deadline(), stop)) return;
  if (is_over) {
    (void)at_site(lease->target, 0s, stop, [&](const Site& site) { return remove_holder(lease->id, site); });
    return;
  }
  // Undoing must not depend on the disk: what cannot be written is shown, and done all the same.
  if (const Status written = write(*lease, ", as its holder says"); !written) lease->last_error = written.error().str();
  take_over(*lease, Found::kByMark);
}

void LeaseKeeper::end_unmarked(const std::vector<ContainerInfo>& list, const std::string& engine,
                               const std::stop_token& stop) {
  std::set<std::string> marked;
  for (const ContainerInfo& container : list) {
    const auto lease = is_holder(container) ? lease_of(container) : Error(ErrorCode::kNotFound, "no mark");
    if (lease) marked.insert(lease->id);
  }
  std::vector<std::string> unmarked;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, held] : held_) {
      const bool is_known_by_mark = held.adopted && !held.busy && held.lease.target.engine == engine;
      if (is_known_by_mark && held.lease.state != State::kReverted && !marked.contains(id)) unmarked.push_back(id);
    }
  }
  for (const std::string& id : unmarked)
    end_if_gone(id, stop);
}

void LeaseKeeper::end_abandoned(const std::vector<ContainerInfo>& list, const std::string& engine, Deadline deadline,
                                const std::stop_token& stop) {
  const SteadyTime now = tools_.clock.steady_now();
  auto& known = idle_[engine];
  std::map<std::string, SteadyTime> idle;
  for (const ContainerInfo& container : list) {
    if (!is_idle_helper(container)) continue;
    const auto seen = known.find(container.id);
    SteadyTime& since = idle.emplace(container.id, seen == known.end() ? now : seen->second).first->second;
    if (now - since <= kHelperAge) continue;
    since = now;  // one that stays, as a stranger's does, is asked about once in a while
    const auto found = engine_of({"container", engine, container.name});
    if (found && check_image(container, engine, deadline, stop)) (void)(*found)->remove(container.id, deadline, stop);
  }
  known = std::move(idle);
}

bool LeaseKeeper::adopt_marks(const std::stop_token& stop) {
  MutexLock alone(adopting_);
  if (!tools_.engines) return true;
  bool all = true;
  const auto names = tools_.engines();
  std::erase_if(idle_,
                [&](const auto& each) { return std::find(names.begin(), names.end(), each.first) == names.end(); });
  for (const std::string& name : names) {
    const auto engine = tools_.engine(name);
    const Deadline deadline = std::min(call_deadline(), tools_.clock.deadline_in(kListTime));
    const auto list = engine ? engine->list(deadline, stop)
                             : Result<std::vector<ContainerInfo>>(Error(ErrorCode::kNotFound, "no engine"));
    all = all && list.has_value();
    if (!list) continue;
    for (const ContainerInfo& container : *list) {
      if (is_holder(container)) adopt(container, name, stop);
    }
    end_abandoned(*list, name, deadline, stop);
    end_unmarked(*list, name, stop);
  }
  return all;
}

}  // namespace heal::fault
