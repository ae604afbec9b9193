#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/fault/fault.h"
#include "common/fault/protection.h"
#include "common/model/fault_lease.h"
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/host_processes.h"
#include "common/port/random.h"
#include "common/port/store.h"

namespace heal::fault {

/// What a fault may come to for the others of its target's group.
enum class BlastRadius {
  kKeepTo,  ///< refused when one of them is under a fault or being healed, or too few would be left
  kIgnore,
};

/// What somebody wants broken.
struct FaultRequest {
  std::string kind;  ///< one of fault_kinds()
  TargetId target;
  std::optional<Duration> ttl;  ///< after it the fault is undone; absent: LeaseOptions::default_ttl
  std::string owner;            ///< who asks
  Params params = {};           ///< of the kind, see Fault::params()
  InProduction in_production = InProduction::kRefuse;
  BlastRadius blast_radius = BlastRadius::kKeepTo;
  bool pages = false;  ///< people are called about what comes of it, see FaultLease::pages
};

struct LeaseOptions {
  Duration default_ttl = 60s;        ///< never more than max_ttl
  Duration max_ttl = kLongestFault;  ///< at the beginning, see set_max_ttl()
  Duration call_timeout = 30s;       ///< of one injection or one attempt to undo
  Duration first_retry = 1s;         ///< after a failed undo; doubles up to max_retry
  Duration max_retry = 30s;
  /// How long an engine may go on with an injection whose answer we did not get: until then an undone fault is looked
  /// at again before it counts as undone.
  Duration settle = 15s;
  /// How many faults run() undoes at the same time, at most. An engine that hangs must not keep those on others from
  /// being undone: one is left for each that has faults, as far as they go.
  std::size_t undoers = 4;
  /// How often run() looks for faults whose lease is not known here: one list of each engine's containers.
  Duration look_for_marks = 15s;
  std::string own_container;  ///< the container we run in, see check_may_break()
  /// True when the store is lost for good, as when its folder was removed: then an undone lease counts as reverted
  /// although that cannot be written. Absent: it never is.
  std::function<bool()> is_ledger_lost;
  /// Called after each change of a lease, without a lock held, on the thread that made it.
  std::function<void(const FaultLease&)> on_change;
};

/// What the keeper works with. All must outlive it.
struct LeaseTools {
  Store& store;
  Clock& clock;
  Random& random;
  HostProcesses& processes;
  /// The engine of this name in the present configuration; null when there is none.
  std::function<std::shared_ptr<ContainerEngine>(const std::string&)> engine;
  HolderProgram holder = {};
  /// The Alertmanager of the present configuration; null, or no function: there is none.
  std::function<std::shared_ptr<AlertmanagerApi>()> alertmanager = {};
  /// The names of the engines of the present configuration; no function: none are searched for faults whose lease is
  /// lost.
  std::function<std::vector<std::string>()> engines = {};
  /// kRefused when the group of a container is not to lose it now. `broken`: what is under a fault, or about to be. No
  /// function: groups are not known.
  std::function<Status(const TargetId& target, const ContainerInfo& info, const std::set<TargetId>& broken,
                       const std::stop_token& stop)>
      check_group = {};
};

/// Breaks containers on purpose, for a bounded time. A lease is durable before anything is touched; the fault is undone
/// at its deadline, on request, and after a restart of the service: at once where it is not known to have been applied,
/// at its deadline otherwise. Undoing is verified and tried again, with growing pauses, until it succeeded. At most one
/// fault per target. A fault whose lease is lost is found by the label of its holder. Every change of a lease is an
/// entry of the journal (kind "fault", no incident). Thread-safe.
class LeaseKeeper {
 public:
  /// Takes over the leases in the store. Errors: the store's.
  static Result<std::unique_ptr<LeaseKeeper>> open(LeaseTools tools, LeaseOptions options);

  /// For leases from now on.
  void set_max_ttl(Duration ttl) HEAL_EXCLUDES(mutex_);

  /// Success when inject() would try; otherwise why not: kInvalid (kind, time), kRefused (protected or not opted in),
  /// kConflict (a fault is on the target already, or it is not running), kNotFound, or the engine's error.
  Status check(const FaultRequest& request, const std::stop_token& stop);
  /// The lease, applied. After an Error the fault is undone, or is being undone: list() shows it. Errors: as check(),
  /// and kStorage.
  Result<FaultLease> inject(const FaultRequest& request, const std::stop_token& stop);

  /// Undoes the fault of this lease now; nothing is done when it is undone already. Its state is `reverting` when the
  /// fault is away and must be looked at again. Errors: kNotFound; why the undo failed (it is tried again later).
  Result<FaultLease> revert(const std::string& id, const std::stop_token& stop);
  /// The same for the fault on a target; empty when none is on it. Errors: why the undo failed, kNotFound among them.
  Result<std::optional<FaultLease>> revert_target(const TargetId& target, const std::stop_token& stop);
  /// Tries to undo all, several at the same time; the leases as they are then. Those that are being injected are waited
  /// for, and undone too.
  std::vector<FaultLease> revert_all(const std::stop_token& stop);
  /// For the end of the service: injects nothing more (kUnavailable) and tries once to undo all, several at the same
  /// time, until `deadline` at the latest. What is left is undone by the next start.
  void close(Deadline deadline);

  /// All leases that are not reverted, and the last 100 reverted ones, by time of injection.
  std::vector<FaultLease> list();

  /// Undoes what is due, until `stop`, with threads of its own besides this one.
  void run(const std::stop_token& stop);
  /// One pass of run(): undoes what is due now. Gives when the next one is.
  std::optional<SteadyTime> revert_due(const std::stop_token& stop);
  /// Takes over the faults whose holders tell of a lease that is not known here, ends those taken over that somebody
  /// else has undone, and removes holders and helpers that nobody needs any more. run() does it at its begin and again
  /// and again: a ledger can be lost while it is in use. True when every engine has answered.
  bool adopt_marks(const std::stop_token& stop);

 private:
  struct Held {
    FaultLease lease;
    SteadyTime due{};      ///< deadline, or the next attempt to undo
    SteadyTime settled{};  ///< from when on a verified undo is final
    Duration retry{};
    bool saved = false;    ///< in the store
    bool adopted = false;  ///< found by its mark: somebody else may hold it too
    bool busy = false;     ///< a thread works on it
    bool undoing = false;  ///< one of run()'s, because it is due

    bool is_over() const { return lease.state == FaultLease::State::kReverted; }
  };
  class Claim;

  LeaseKeeper(LeaseTools tools, LeaseOptions options)
      : tools_(std::move(tools)), options_(std::move(options)), max_ttl_(options_.max_ttl) {}

  enum class Found { kInLedger, kByMark };
  void take_over(const FaultLease& lease, Found found);
  /// What was asked for, checked as far as can be without looking at anything.
  struct Wish {
    const Fault* fault = nullptr;
    Duration ttl{};
    Params params;
  };
  Result<Wish> check_request(const FaultRequest& request);
  /// Whether one of those that undo may work on it now: nobody does, and enough are left for the other engines.
  bool may_take(const Held& wanted) const HEAL_REQUIRES(mutex_);
  Status check_free(const TargetId& target) HEAL_REQUIRES(mutex_);
  Result<std::shared_ptr<ContainerEngine>> engine_of(const TargetId& target) const;
  /// kRefused when a container that may not be broken is in the victim's network (`network_mode: container:…`).
  Status check_companions(const ContainerInfo& victim, const FaultRequest& request, const std::stop_token& stop);
  /// `lease`: the one that the container is to be broken under; "": none yet.
  Result<ContainerInfo> find_victim(const FaultRequest& request, const std::string& lease, const std::stop_token& stop);
  /// The targets that are under a fault, or about to be, but for that of `lease`. One that was healed is under none.
  std::set<TargetId> broken_targets(const std::string& lease, const std::stop_token& stop);
  /// A new lease in held_, without times, not saved and busy: for the Claim that adopts it.
  Result<Held> reserve(const FaultRequest& request);
  /// The container as it is, and what it takes to break it and to undo that.
  struct Plan {
    ContainerInfo before;
    Recipe recipe;
  };
  Result<Plan> plan(const FaultRequest& request, const Wish& wish, const std::string& lease,
                    const std::stop_token& stop);
  Status apply(Held& held, const Plan& plan, const std::stop_token& stop);
  /// Ends the lease on `target` when its fault is gone already (healed by a playbook), so that a new one can begin.
  void end_healed(const TargetId& target, const std::stop_token& stop);
  using SiteWork = std::function<Status(const Site&)>;
  Status at_site(const TargetId& target, Duration left, const std::stop_token& stop, const SiteWork& work);
  using UndoWork = std::function<Status(const Fault&, const Recipe&, const Site&)>;
  Status undo_work(const Held& held, const std::stop_token& stop, const UndoWork& work);
  /// Success when it is our program that runs there: anybody can give a container a label, but not our image.
  Status check_image(const ContainerInfo& helper, const std::string& engine, Deadline deadline,
                     const std::stop_token& stop);
  void adopt(const ContainerInfo& holder, const std::string& engine, const std::stop_token& stop);
  /// Of the leases on `engine` that were found by their marks, ends those whose mark and fault are gone.
  void end_unmarked(const std::vector<ContainerInfo>& list, const std::string& engine, const std::stop_token& stop);
  void end_if_gone(const std::string& id, const std::stop_token& stop);
  /// Removes the helpers of ours on `engine` that have not run for long: whoever asked them was killed.
  void end_abandoned(const std::vector<ContainerInfo>& list, const std::string& engine, Deadline deadline,
                     const std::stop_token& stop) HEAL_REQUIRES(adopting_);
  /// Of one call that begins now.
  Deadline call_deadline() HEAL_EXCLUDES(mutex_);
  Status undo_once(const Held& held, const std::stop_token& stop);
  /// Success when nothing of its fault is left.
  Status verify_gone(const Held& held, const std::stop_token& stop);
  /// revert(); empty when there is no such lease.
  Result<std::optional<FaultLease>> revert_if_known(const std::string& id, const std::stop_token& stop);
  Status revert_claimed(Held& held, const std::stop_token& stop);
  void retry_later(Held& held, const Error& error);
  /// With those that are being injected now: whoever undoes them waits for that.
  std::vector<std::string> unreverted();
  /// revert() of all, several at the same time, until `begin_by`.
  void revert_each(const std::vector<std::string>& ids, Deadline begin_by, const std::stop_token& stop);
  /// revert_due() again and again; `look` comes before each, and says when it wants to come again.
  void keep_undoing(const std::stop_token& stop, const std::function<SteadyTime()>& look);
  /// Ends the sleep of run(), which may have to do something earlier now.
  void wake() HEAL_EXCLUDES(mutex_);
  Status save(Held& held);
  /// The lease and its entry. `note`: what the entry says besides.
  Status write(const FaultLease& lease, std::string_view note = "");
  void forget_old() HEAL_REQUIRES(mutex_);

  const LeaseTools tools_;
  const LeaseOptions options_;

  Mutex adopting_;  // one at a time looks for holders: what is not in held_ is not taken in twice
  /// By engine and id, the helpers that do not run, and since when that was seen; of those in the last list alone.
  std::map<std::string, std::map<std::string, SteadyTime>> idle_ HEAL_GUARDED_BY(adopting_);
  Mutex mutex_;
  CondVar changed_;
  Duration max_ttl_ HEAL_GUARDED_BY(mutex_);
  std::optional<Deadline> closes_ HEAL_GUARDED_BY(mutex_);    // set by close()
  std::map<std::string, Held> held_ HEAL_GUARDED_BY(mutex_);  // by id
  std::stop_source wake_ HEAL_GUARDED_BY(mutex_);             // ends the sleep that run() is in
};

}  // namespace heal::fault
