#include "common/fault/lease_keeper.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/base/ids.h"
#include "common/fault/held_fault.h"
#include "common/fault/lease_claim.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal::fault {
namespace {

using State = FaultLease::State;
constexpr std::size_t kRevertedKept = 100;

/// Whether the engine may have got the call, or still be at it, although it failed.
bool is_outcome_unknown(const Error& error) {
  return error.code() == ErrorCode::kTimeout || error.code() == ErrorCode::kCancelled ||
         error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kProtocol;
}

std::string describe(const ContainerInfo& info) {
  return dump(Json{{"id", info.id},
                   {"name", info.name},
                   {"image", info.image},
                   {"status", info.status},
                   {"pid", info.pid},
                   {"started_at", to_json_value(info.started_at)}});
}

/// For the holder: all that is needed to take the lease over when the ledger is lost.
std::string lease_label(const FaultLease& lease) {
  return dump(Json{{"lease", to_json(lease)}, {"undo", lease.undo}, {"original", lease.original}});
}

TimelineEntry entry_of(const FaultLease& lease, WallTime now, std::string_view note) {
  std::string message =
      fmt::format("fault {} on {} {}{}", lease.kind, lease.target.str(), to_string(lease.state), note);
  if (!lease.last_error.empty()) message += ": " + lease.last_error;
  return {0, now, "", "fault", std::move(message), dump(to_json(lease))};
}

}  // namespace

LeaseKeeper::Claim::Claim(LeaseKeeper& keeper, const std::string& id) : keeper_(keeper) {
  MutexLock lock(keeper_.mutex_);
  auto found = keeper_.held_.find(id);
  while (found != keeper_.held_.end() && found->second.busy) {
    keeper_.changed_.wait(keeper_.mutex_);
    found = keeper_.held_.find(id);
  }
  if (found != keeper_.held_.end()) take(found->second);
}

LeaseKeeper::Claim::Claim(LeaseKeeper& keeper, SteadyTime due_by) : keeper_(keeper) {
  MutexLock lock(keeper_.mutex_);
  Held* first = nullptr;
  for (auto& [id, each] : keeper_.held_) {
    if (each.due > due_by || !keeper_.may_take(each)) continue;
    if (first == nullptr || each.due < first->due) first = &each;
  }
  if (first == nullptr) return;
  first->undoing = true;
  take(*first);
}

bool LeaseKeeper::may_take(const Held& wanted) const {
  if (wanted.busy || wanted.is_over()) return false;
  std::size_t busy = 0;
  std::map<std::string, bool> engines;  // those with faults; whether one of its is being undone
  for (const auto& [id, each] : held_) {
    if (each.is_over()) continue;
    busy += each.undoing ? 1 : 0;
    engines[each.lease.target.engine] |= each.undoing;
  }
  if (!engines[wanted.lease.target.engine]) return true;
  const auto waiting = std::count_if(engines.begin(), engines.end(), [](const auto& each) { return !each.second; });
  // One is always counted off: it may be looking for marks.
  return busy + 1 + static_cast<std::size_t>(waiting) < options_.undoers;
}

void LeaseKeeper::Claim::take(Held& kept) {
  kept.busy = true;
  held = kept;
}

LeaseKeeper::Claim::~Claim() {
  if (!held) return;
  {
    MutexLock lock(keeper_.mutex_);
    const auto found = keeper_.held_.find(held->lease.id);
    if (found->second.saved) {
      found->second = *held;
      found->second.busy = found->second.undoing = false;
    } else {
      keeper_.held_.erase(found);
    }
    keeper_.changed_.notify_all();
  }
  keeper_.wake();
}

void LeaseKeeper::wake() {
  std::stop_source sleep;
  {
    MutexLock lock(mutex_);
    sleep = std::exchange(wake_, std::stop_source());
  }
  sleep.request_stop();
}

Result<std::unique_ptr<LeaseKeeper>> LeaseKeeper::open(LeaseTools tools, LeaseOptions options) {
  HEAL_TRY(const auto leases, tools.store.leases());
  std::unique_ptr<LeaseKeeper> keeper(new LeaseKeeper(std::move(tools), std::move(options)));
  for (const FaultLease& lease : leases)
    keeper->take_over(lease, Found::kInLedger);
  return keeper;
}

void LeaseKeeper::take_over(const FaultLease& lease, Found found) {
  Held held;
  held.adopted = found == Found::kByMark;
  const SteadyTime now = tools_.clock.steady_now();
  held.due = held.settled = now;
  held.saved = true;
  if (lease.state == State::kApplied) {
    // The wall clock may have jumped while we were away: never wait longer than the fault was to last.
    const Duration whole = std::clamp(lease.deadline - lease.injected_at, Duration(0), options_.max_ttl);
    held.due = now + std::clamp(lease.deadline - tools_.clock.now(), Duration(0), whole);
  } else {
    held.settled = now + options_.settle;
  }
  held.lease = lease;
  {
    MutexLock lock(mutex_);
    held_.emplace(lease.id, std::move(held));
  }
  wake();
  if (lease.state != State::kReverted && options_.on_change) options_.on_change(lease);
}

void LeaseKeeper::set_max_ttl(Duration ttl) {
  MutexLock lock(mutex_);
  max_ttl_ = ttl;
}

Status LeaseKeeper::check_free(const TargetId& target) {
  for (const auto& [id, held] : held_) {
    if (held.lease.target == target && !held.is_over()) {
      return make_error(ErrorCode::kConflict, "fault {} ({}) is on {} already", id, held.lease.kind, target.str());
    }
  }
  return {};
}

Result<LeaseKeeper::Held> LeaseKeeper::reserve(const FaultRequest& request) {
  Held held;
  FaultLease& lease = held.lease;
  lease.id = make_ulid(tools_.clock.now(), tools_.random.next(), tools_.random.next());
  lease.kind = request.kind;
  lease.target = request.target;
  lease.owner = request.owner;
  lease.pages = request.pages;
  held.busy = true;
  MutexLock lock(mutex_);
  if (closes_) return make_error(ErrorCode::kUnavailable, "the service is stopping");
  HEAL_TRY_STATUS(check_free(request.target));
  held_.emplace(lease.id, held);
  return held;
}

void LeaseKeeper::end_healed(const TargetId& target, const std::stop_token& stop) {
  std::vector<std::string> ids;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, held] : held_) {
      if (held.saved && held.lease.target == target && !held.is_over()) ids.push_back(id);
    }
  }
  for (const std::string& id : ids)
    end_if_gone(id, stop);
}

void LeaseKeeper::end_if_gone(const std::string& id, const std::stop_token& stop) {
  Claim claim(*this, id);
  if (!claim.held || !claim.held->saved || claim.held->is_over()) return;
  // Only what is gone already: an undo here would end a fault that somebody still wants.
  if (verify_gone(*claim.held, stop)) (void)revert_claimed(*claim.held, stop);
}

Result<FaultLease> LeaseKeeper::inject(const FaultRequest& request, const std::stop_token& stop) {
  HEAL_TRY(const Wish wish, check_request(request));
  end_healed(request.target, stop);
  HEAL_TRY(Held reserved, reserve(request));
  Claim claim(*this, std::move(reserved));
  Held& held = *claim.held;
  HEAL_TRY(const Plan planned, plan(request, wish, held.lease.id, stop));
  held.lease.original = describe(planned.before);
  held.lease.undo = planned.recipe.to_text();
  // Only now: looking and probing may take seconds in which nothing is broken, and from here on time is measured.
  held.lease.injected_at = tools_.clock.now();
  held.lease.deadline = held.lease.injected_at + wish.ttl;
  held.due = tools_.clock.steady_now() + wish.ttl;
  HEAL_TRY_STATUS(save(held));
  Status applied = apply(held, planned, stop);
  if (applied) return held.lease;
  // Whoever asked may be gone, but the fault may be there.
  (void)revert_claimed(held, {});
  return std::move(applied).error();
}

Status LeaseKeeper::apply(Held& held, const Plan& plan, const std::stop_token& stop) {
  const Fault& fault = *find_fault(held.lease.kind);
  const std::string label = lease_label(held.lease);
  const auto inject = [&](Site site) {
    site.label = label;
    return fault.inject(plan.before, plan.recipe, site);
  };
  const Duration left = held.due - tools_.clock.steady_now();
  Status injected = at_site(held.lease.target, left, stop, inject);
  if (!injected) {
    if (is_outcome_unknown(injected.error())) held.settled = tools_.clock.steady_now() + options_.settle;
    return injected;
  }
  if (tools_.clock.steady_now() >= held.due) {
    return make_error(ErrorCode::kTimeout,
                      "fault {} took as long to come into force as it was to last: it is undone again, give it longer",
                      held.lease.kind);
  }
  held.lease.state = State::kApplied;
  HEAL_TRY_STATUS(save(held));
  const auto mark = [&](Site site) {
    site.label = label;
    return set_mark(plan.recipe, site);
  };
  // Without the mark the fault is undone all the same: it is for a ledger that is lost.
  if (fault.needs_mark()) (void)at_site(held.lease.target, held.due - tools_.clock.steady_now(), stop, mark);
  return {};
}

Deadline LeaseKeeper::call_deadline() {
  const Deadline usual = tools_.clock.deadline_in(options_.call_timeout);
  MutexLock lock(mutex_);
  return closes_ ? std::min(*closes_, usual) : usual;
}

Status LeaseKeeper::at_site(const TargetId& target, Duration left, const std::stop_token& stop, const SiteWork& work) {
  HEAL_TRY(const auto engine, engine_of(target));
  const auto alertmanager = tools_.alertmanager ? tools_.alertmanager() : nullptr;
  return work(
      {*engine, tools_.processes, tools_.clock, tools_.holder, alertmanager.get(), call_deadline(), stop, "", left});
}

Status LeaseKeeper::write(const FaultLease& lease, std::string_view note) {
  return tools_.store.commit({PutLease{lease}, AppendEntry{entry_of(lease, tools_.clock.now(), note)}});
}

Status LeaseKeeper::save(Held& held) {
  Status status = write(held.lease);
  if (!status && !held.saved) return status;
  held.saved = true;
  {
    MutexLock lock(mutex_);
    Held& kept = held_.at(held.lease.id);
    kept = held;
    kept.busy = true;
    forget_old();
  }
  if (options_.on_change) options_.on_change(held.lease);
  return status;
}

void LeaseKeeper::forget_old() {
  // Ids begin with their time: the first ones are the oldest.
  const auto over = std::count_if(held_.begin(), held_.end(), [](const auto& each) { return each.second.is_over(); });
  auto surplus = static_cast<std::size_t>(over) > kRevertedKept ? static_cast<std::size_t>(over) - kRevertedKept : 0;
  for (auto it = held_.begin(); it != held_.end() && surplus > 0;) {
    if (!it->second.is_over() || it->second.busy) {
      ++it;
      continue;
    }
    it = held_.erase(it);
    --surplus;
  }
}

std::vector<FaultLease> LeaseKeeper::list() {
  std::vector<FaultLease> leases;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, held] : held_) {
      if (held.saved) leases.push_back(held.lease);
    }
  }
  std::sort(leases.begin(), leases.end(), [](const FaultLease& a, const FaultLease& b) {
    return std::tie(a.injected_at, a.id) < std::tie(b.injected_at, b.id);
  });
  return leases;
}

}  // namespace heal::fault
