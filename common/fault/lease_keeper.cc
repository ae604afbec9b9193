#include "common/fault/lease_keeper.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "common/base/ids.h"
#include "common/fault/held_fault.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal::fault {
namespace {

using State = FaultLease::State;
constexpr std::size_t kRevertedKept = 100;
constexpr std::size_t kMostAtOnce = 16;

bool is_over(const FaultLease& lease) {
  return lease.state == State::kReverted;
}

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

TimelineEntry entry_of(const FaultLease& lease, WallTime now) {
  std::string message = fmt::format("fault {} on {} {}", lease.kind, lease.target.str(), to_string(lease.state));
  if (!lease.last_error.empty()) message += ": " + lease.last_error;
  return {0, now, "", "fault", std::move(message), dump(to_json(lease))};
}

}  // namespace

/// The right to work on one lease, on a copy; what became of it is put back by save(). Ends with this.
class LeaseKeeper::Claim {
 public:
  /// Waits while another thread works on it. Empty when there is no such lease.
  Claim(LeaseKeeper& keeper, const std::string& id) : keeper_(keeper) {
    MutexLock lock(keeper_.mutex_);
    auto found = keeper_.held_.find(id);
    while (found != keeper_.held_.end() && found->second.busy) {
      keeper_.changed_.wait(keeper_.mutex_);
      found = keeper_.held_.find(id);
    }
    if (found == keeper_.held_.end()) return;
    found->second.busy = true;
    held = found->second;
  }
  /// Takes over what reserve() gave, which nobody else can have claimed.
  Claim(LeaseKeeper& keeper, Held reserved) : held(std::move(reserved)), keeper_(keeper) {}
  ~Claim() {
    if (!held) return;
    std::stop_source wake;
    {
      MutexLock lock(keeper_.mutex_);
      const auto found = keeper_.held_.find(held->lease.id);
      if (found->second.saved) {
        found->second = *held;
        found->second.busy = false;
      } else {
        keeper_.held_.erase(found);
      }
      keeper_.changed_.notify_all();
      wake = keeper_.wake_;
    }
    wake.request_stop();
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  std::optional<Held> held;

 private:
  LeaseKeeper& keeper_;
};

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
    // The wall clock may have jumped while we were away: never wait longer than a lease can last.
    const Duration left = lease.deadline - tools_.clock.now();
    held.due = now + std::clamp(left, Duration(0), options_.max_ttl);
  } else {
    held.settled = now + options_.settle;
  }
  held.lease = lease;
  {
    MutexLock lock(mutex_);
    held_.emplace(lease.id, std::move(held));
  }
  if (!is_over(lease) && options_.on_change) options_.on_change(lease);
}

void LeaseKeeper::set_max_ttl(Duration ttl) {
  MutexLock lock(mutex_);
  max_ttl_ = ttl;
}

Status LeaseKeeper::check_free(const TargetId& target) {
  for (const auto& [id, held] : held_) {
    if (held.lease.target == target && !is_over(held.lease)) {
      return make_error(ErrorCode::kConflict, "fault {} ({}) is on {} already", id, held.lease.kind, target.str());
    }
  }
  return {};
}

Result<LeaseKeeper::Held> LeaseKeeper::reserve(const FaultRequest& request, Duration ttl) {
  Held held;
  FaultLease& lease = held.lease;
  lease.injected_at = tools_.clock.now();
  lease.deadline = lease.injected_at + ttl;
  lease.id = make_ulid(lease.injected_at, tools_.random.next(), tools_.random.next());
  lease.kind = request.kind;
  lease.target = request.target;
  lease.owner = request.owner;
  lease.pages = request.pages;
  held.due = tools_.clock.steady_now() + ttl;
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
      if (held.saved && held.lease.target == target && !is_over(held.lease)) ids.push_back(id);
    }
  }
  for (const std::string& id : ids)
    end_if_gone(id, stop);
}

void LeaseKeeper::end_if_gone(const std::string& id, const std::stop_token& stop) {
  Claim claim(*this, id);
  if (!claim.held || !claim.held->saved || is_over(claim.held->lease)) return;
  // Only what is gone already: an undo here would end a fault that somebody still wants.
  if (verify_gone(*claim.held, stop)) (void)revert_claimed(*claim.held, stop);
}

Result<FaultLease> LeaseKeeper::inject(const FaultRequest& request, const std::stop_token& stop) {
  HEAL_TRY(const Wish wish, check_request(request));
  end_healed(request.target, stop);
  HEAL_TRY(Held reserved, reserve(request, wish.ttl));
  Claim claim(*this, std::move(reserved));
  Held& held = *claim.held;
  HEAL_TRY(const Plan planned, plan(request, wish, held.lease.id, stop));
  held.lease.original = describe(planned.before);
  held.lease.undo = planned.recipe.to_text();
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

Status LeaseKeeper::undo_work(const Held& held, const std::stop_token& stop, const UndoWork& work) {
  const Fault* fault = find_fault(held.lease.kind);
  if (fault == nullptr) return make_error(ErrorCode::kInternal, "unknown fault \"{}\"", held.lease.kind);
  HEAL_TRY(const Recipe recipe, Recipe::parse(held.lease.undo).with_context("undo recipe"));
  return at_site(held.lease.target, 0s, stop, [&](const Site& site) { return work(*fault, recipe, site); });
}

Status LeaseKeeper::undo_once(const Held& held, const std::stop_token& stop) {
  return undo_work(held, stop, [&](const Fault& fault, const Recipe& recipe, const Site& site) -> Status {
    HEAL_TRY_STATUS(fault.undo(recipe, site));
    HEAL_TRY_STATUS(fault.verify_undone(recipe, site));
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

Status LeaseKeeper::save(Held& held) {
  Status status = tools_.store.commit({PutLease{held.lease}, AppendEntry{entry_of(held.lease, tools_.clock.now())}});
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
  const auto over =
      std::count_if(held_.begin(), held_.end(), [](const auto& each) { return is_over(each.second.lease); });
  auto surplus = static_cast<std::size_t>(over) > kRevertedKept ? static_cast<std::size_t>(over) - kRevertedKept : 0;
  for (auto it = held_.begin(); it != held_.end() && surplus > 0;) {
    if (!is_over(it->second.lease) || it->second.busy) {
      ++it;
      continue;
    }
    it = held_.erase(it);
    --surplus;
  }
}

Result<std::optional<FaultLease>> LeaseKeeper::revert_if_known(const std::string& id, const std::stop_token& stop) {
  Claim claim(*this, id);
  if (!claim.held) return std::optional<FaultLease>();
  if (!is_over(claim.held->lease)) HEAL_TRY_STATUS(revert_claimed(*claim.held, stop));
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
      if (held.lease.target == target && !is_over(held.lease)) wanted = id;
    }
  }
  if (wanted.empty()) return std::optional<FaultLease>();
  return revert_if_known(wanted, stop);
}

std::vector<std::string> LeaseKeeper::unreverted(const std::optional<SteadyTime>& due_by) {
  std::vector<std::string> ids;
  MutexLock lock(mutex_);
  for (const auto& [id, held] : held_) {
    // What is not saved is being injected now, and has touched nothing yet.
    if (!held.saved || is_over(held.lease)) continue;
    if (!due_by || (!held.busy && held.due <= *due_by)) ids.push_back(id);
  }
  return ids;
}

std::vector<FaultLease> LeaseKeeper::revert_all(const std::stop_token& stop) {
  std::vector<FaultLease> leases;
  for (const std::string& id : unreverted(std::nullopt)) {
    (void)revert(id, stop);
    MutexLock lock(mutex_);
    if (const auto found = held_.find(id); found != held_.end()) leases.push_back(found->second.lease);
  }
  return leases;
}

void LeaseKeeper::close(Deadline deadline) {
  std::vector<std::string> ids;  // with those that are being injected now: they are waited for
  {
    MutexLock lock(mutex_);
    closes_ = deadline;
    for (const auto& [id, held] : held_) {
      if (!is_over(held.lease)) ids.push_back(id);
    }
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < ids.size() && tools_.clock.steady_now() < deadline; i = next++)
      (void)revert(ids[i], {});
  };
  std::vector<std::jthread> threads;
  try {
    for (std::size_t i = 1; i < std::min(ids.size(), kMostAtOnce); ++i)
      threads.emplace_back(work);
  } catch (const std::system_error&) {  // no thread to spare: fewer at a time
  }
  work();
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

std::optional<SteadyTime> LeaseKeeper::revert_due(const std::stop_token& stop) {
  for (const std::string& id : unreverted(tools_.clock.steady_now()))
    (void)revert(id, stop);
  std::optional<SteadyTime> next;
  MutexLock lock(mutex_);
  for (const auto& [id, held] : held_) {
    if (is_over(held.lease) || held.busy) continue;
    if (!next || held.due < *next) next = held.due;
  }
  return next;
}

}  // namespace heal::fault
