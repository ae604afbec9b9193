#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

#include "common/fault/held_fault.h"
#include "common/fault/lease_claim.h"
#include "common/fault/lease_keeper.h"

// The way back: at the deadline, when it is asked for, and at the end of the service.

namespace heal::fault {
namespace {

using State = FaultLease::State;

constexpr std::size_t kMostAtOnce = 16;
/// For so long what is said of a container may be hearsay.
constexpr Duration kHearsay = 2s;
constexpr Duration kFirstLookAgain = 20ms;

/// What an engine says may lag behind what it did: after an unpause Docker may hear of the pause before it, late, from
/// its runtime, and says "paused" again until it hears of the unpause, too.
Status verify_past_hearsay(const Fault& fault, const Recipe& recipe, const Site& site) {
  const SteadyTime end = std::min(site.deadline, site.clock.steady_now() + kHearsay);
  for (Duration pause = kFirstLookAgain;; pause *= 2) {
    Status undone = fault.verify_undone(recipe, site);
    const bool is_final = undone || undone.error().code() != ErrorCode::kConflict;
    const SteadyTime now = site.clock.steady_now();
    if (is_final || now >= end) return undone;
    if (site.clock.sleep_until(std::min(now + pause, end), site.stop) == Clock::Wake::kStopped) return undone;
  }
}

}  // namespace

Status LeaseKeeper::undo_work(const Held& held, const std::stop_token& stop, const UndoWork& work) {
  const Fault* fault = find_fault(held.lease.kind);
  if (fault == nullptr) return make_error(ErrorCode::kInternal, "unknown fault \"{}\"", held.lease.kind);
  HEAL_TRY(const Recipe recipe, Recipe::parse(held.lease.undo).with_context("undo recipe"));
  return at_site(held.lease.target, 0s, stop, [&](const Site& site) { return work(*fault, recipe, site); });
}

Status LeaseKeeper::undo_once(const Held& held, const std::stop_token& stop) {
  return undo_work(held, stop, [&](const Fault& fault, const Recipe& recipe, const Site& site) -> Status {
    HEAL_TRY_STATUS(fault.undo(recipe, site));
    HEAL_TRY_STATUS(verify_past_hearsay(fault, recipe, site));
    const bool is_marked = fault.needs_mark() && !site.holder.image.empty();
    return is_marked ? remove_holder(held.lease.id, site) : Status();
  });
}

Status LeaseKeeper::verify_gone(const Held& held, const std::stop_token& stop) {
  return undo_work(held, stop, [](const Fault& fault, const Recipe& recipe, const Site& site) {
    return fault.verify_undone(recipe, site);
  });
}

Status LeaseKeeper::revert_claimed(Held& held, const std::stop_token& stop) {
  if (held.lease.state == State::kIntended || held.lease.state == State::kApplied) {
    held.lease.state = State::kReverting;
    // Undoing must not depend on the disk: without this line the undo is only repeated after a restart.
    (void)save(held);
  }
  Status undone = undo_once(held, stop);
  if (!undone) {
    retry_later(held, undone.error());
    return undone;
  }
  if (tools_.clock.steady_now() < held.settled) {
    held.due = held.settled;
    return {};
  }
  const FaultLease before = held.lease;
  held.lease.state = State::kReverted;
  held.lease.reverted_at = tools_.clock.now();
  held.lease.last_error.clear();
  Status saved = save(held);
  if (saved || (options_.is_ledger_lost && options_.is_ledger_lost())) return {};
  held.lease = before;
  retry_later(held, saved.error());
  return saved;
}

void LeaseKeeper::retry_later(Held& held, const Error& error) {
  held.retry = held.retry == Duration(0) ? options_.first_retry : std::min(held.retry * 2, options_.max_retry);
  held.due = tools_.clock.steady_now() + held.retry;
  const std::string text = error.str();
  if (held.lease.state == State::kRevertFailed && held.lease.last_error == text) return;
  held.lease.state = State::kRevertFailed;
  held.lease.last_error = text;
  (void)save(held);
}

Result<std::optional<FaultLease>> LeaseKeeper::revert_if_known(const std::string& id, const std::stop_token& stop) {
  Claim claim(*this, id);
  if (!claim.held) return std::optional<FaultLease>();
  if (!claim.held->is_over()) HEAL_TRY_STATUS(revert_claimed(*claim.held, stop));
  return std::optional(claim.held->lease);
}

Result<FaultLease> LeaseKeeper::revert(const std::string& id, const std::stop_token& stop) {
  HEAL_TRY(const auto lease, revert_if_known(id, stop));
  if (!lease) return make_error(ErrorCode::kNotFound, "no fault {}", id);
  return *lease;
}

Result<std::optional<FaultLease>> LeaseKeeper::revert_target(const TargetId& target, const std::stop_token& stop) {
  std::string wanted;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, held] : held_) {
      if (held.lease.target == target && !held.is_over()) wanted = id;
    }
  }
  if (wanted.empty()) return std::optional<FaultLease>();
  return revert_if_known(wanted, stop);
}

std::vector<std::string> LeaseKeeper::unreverted() {
  std::vector<std::string> ids;
  MutexLock lock(mutex_);
  for (const auto& [id, held] : held_) {
    if (!held.is_over()) ids.push_back(id);
  }
  return ids;
}

void LeaseKeeper::revert_each(const std::vector<std::string>& ids, Deadline begin_by, const std::stop_token& stop) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < ids.size() && tools_.clock.steady_now() < begin_by; i = next++)
      (void)revert(ids[i], stop);
  };
  std::vector<std::jthread> threads;
  try {
    for (std::size_t i = 1; i < std::min(ids.size(), kMostAtOnce); ++i)
      threads.emplace_back(work);
  } catch (const std::system_error&) {  // no thread to spare: fewer at a time
  }
  work();
}

std::vector<FaultLease> LeaseKeeper::revert_all(const std::stop_token& stop) {
  const std::vector<std::string> ids = unreverted();
  revert_each(ids, Deadline::max(), stop);
  std::vector<FaultLease> leases;
  MutexLock lock(mutex_);
  for (const std::string& id : ids) {
    if (const auto found = held_.find(id); found != held_.end()) leases.push_back(found->second.lease);
  }
  return leases;
}

void LeaseKeeper::close(Deadline deadline) {
  {
    MutexLock lock(mutex_);
    closes_ = deadline;
  }
  revert_each(unreverted(), deadline, {});
}

std::optional<SteadyTime> LeaseKeeper::revert_due(const std::stop_token& stop) {
  const SteadyTime now = tools_.clock.steady_now();
  for (;;) {
    Claim claim(*this, now);
    if (!claim.held) break;
    (void)revert_claimed(*claim.held, stop);
  }
  std::optional<SteadyTime> next;
  MutexLock lock(mutex_);
  for (const auto& [id, held] : held_) {
    // What has to wait for others is looked at again when they are done.
    if (may_take(held) && (!next || held.due < *next)) next = held.due;
  }
  return next;
}

void LeaseKeeper::keep_undoing(const std::stop_token& stop, const std::function<SteadyTime()>& look) {
  while (!stop.stop_requested()) {
    std::stop_source wake;
    {
      MutexLock lock(mutex_);
      wake = wake_;
    }
    const SteadyTime look_at = look();
    const SteadyTime next = std::min(revert_due(stop).value_or(SteadyTime::max()), look_at);
    const std::stop_callback on_stop(stop, [&wake] { wake.request_stop(); });
    tools_.clock.sleep_until(next, wake.get_token());
  }
}

void LeaseKeeper::run(const std::stop_token& stop) {
  std::vector<std::jthread> others;
  try {
    for (std::size_t i = 1; i < options_.undoers; ++i)
      others.emplace_back([&] { keep_undoing(stop, [] { return SteadyTime::max(); }); });
  } catch (const std::system_error&) {  // no thread to spare: fewer at a time
  }
  SteadyTime look_at = tools_.engines ? tools_.clock.steady_now() : SteadyTime::max();
  keep_undoing(stop, [&] {
    if (tools_.clock.steady_now() < look_at) return look_at;
    (void)adopt_marks(stop);
    return look_at = tools_.clock.steady_now() + options_.look_for_marks;
  });
}

}  // namespace heal::fault
