#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/snapshot.h"
#include "common/model/alert.h"
#include "common/port/store.h"
#include "common/remedy/alarm.h"
#include "common/remedy/clock_watch.h"
#include "common/remedy/control_changes.h"
#include "common/remedy/decide.h"
#include "common/remedy/inbox.h"
#include "common/remedy/intake.h"
#include "common/remedy/jobs.h"
#include "common/remedy/ledger.h"
#include "common/remedy/page.h"
#include "common/remedy/record.h"
#include "common/remedy/resume.h"
#include "common/remedy/worker_pool.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// A heal that a person asks for.
struct HealRequest {
  std::string playbook;
  TargetId target;
  std::map<std::string, std::string, std::less<>> params;
  std::string by;
  enum class Rehearse { kNo, kYes } dry_run = Rehearse::kNo;
};

/// What became of it.
struct HealAnswer {
  enum class Kind {
    kStarted,   ///< decided and running
    kRefused,   ///< a guard or a stage said no; `incident` tells why when there is one
    kRehearsed  ///< dry run: nothing was written
  };
  Kind kind = Kind::kRefused;
  std::optional<Incident> incident;
  std::string reason, message;
  std::string decision;   ///< dry run: JSON of the decision; "" when it did not come to one
  std::string explained;  ///< dry run: the plan for people
  std::string plan;       ///< dry run: the plan as canonical JSON
};

/// What a person does with an incident.
struct OperatorRequest {
  enum class Verb {
    kApprove,  ///< the plan of `plan_hash` may run; the guards are asked again before it does
    kReject,   ///< it must not
    kCancel,   ///< ends it: at once, or at the next safe point when its steps run, and its undo policy is applied
    kRetry,    ///< begins another incident for the same trouble, under the same guards
  };
  Verb verb = Verb::kCancel;
  std::string incident_id, by, plan_hash, reason;
};

struct QueueState {
  std::size_t depth = 0;
  Duration oldest_age{};
};

struct CoordinatorOptions {
  std::size_t workers = 4;          ///< heals that run at the same time; others are held until there is room
  std::size_t inbox = 4096;         ///< messages from outside that may wait; beyond: kUnavailable
  std::function<void()> on_commit;  ///< called after each commit that wrote something; must be short
};

/// Threads for what is looked at beside the heals that run (guard in_flight begins no more of them than there are
/// workers): a decision, a call for a human and a rehearsal never stand behind a step that takes its time.
constexpr std::size_t kLookers = 6;
/// Of them may be at work for people who want a heal, and as many for people who only ask what one would do.
constexpr std::size_t kSeats = 2;

/// The pipeline. One thread owns all incident state (the Ledger): it takes messages in batches, applies them, makes the
/// batch durable with one commit, and only then answers and starts work. Workers do everything that waits. Thread-safe.
class Coordinator final : private Jobs {
 public:
  /// All references must outlive it.
  Coordinator(Store& store, Snapshot<World>& world, Tools tools, Logger logger, RemedyMetrics metrics,
              CoordinatorOptions options);
  ~Coordinator() override;
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  /// Loads the store and takes up what was under way. kStorage when it cannot be read.
  Status start();
  /// Takes nothing new, lets running steps reach their end until `grace` has passed, and stops. What is not finished
  /// is taken up by the next start().
  void stop(Duration grace);

  /// Puts what a source saw into the pipeline. `done` is called once, after what it changed is durable, on the
  /// coordinator's thread (or at once when it is refused): kUnavailable when full or stopping, kStorage.
  void ingest(EventBatch batch, const std::function<void(Result<IngestReply>)>& done);
  /// Asks for a heal; `done` is called once it was decided.
  void heal(HealRequest request, std::function<void(Result<HealAnswer>)> done);

  /// Changes the control state; `done` learns what came of it, after it is durable. kUnavailable, kStorage, and the
  /// errors of control_changes.h.
  void pause(Pause pause, std::function<void(Result<Pause>)> done);
  void end_pause(std::string name, std::string by, std::function<void(Result<Pause>)> done);
  void set_lever(LeverMove move, std::string by, std::string reason, std::function<void(Result<Lever>)> done);
  void reset_breakers(BreakerChoice choice, std::string by, std::string reason,
                      std::function<void(Result<std::vector<Breaker>>)> done);
  /// Which incident's steps hold which target; and what people and events have said against acting. Both as far as
  /// they are durable.
  std::shared_ptr<const LockHolders> lock_holders() const { return ledger_.lock_holders(); }
  std::shared_ptr<const ControlState> controls() const { return ledger_.published_controls(); }
  /// Why the lever wants what runs to stop; nullopt when it does not. Reads the lever's file when there is one.
  std::optional<std::string> lever_objection() const;
  /// `done` gets the incident as it is then (kRetry: the new one), once that is durable. kNotFound; kConflict when the
  /// incident is not in a state for it, or its plan is another; kUnavailable, kStorage.
  void operate(OperatorRequest request, std::function<void(Result<Incident>)> done);

  /// What waits for a worker, and for how long the oldest of it has.
  QueueState queue() const { return {workers_.queued(), workers_.oldest_age()}; }
  /// True while new work is taken.
  bool is_accepting() const { return is_accepting_.load(); }

 private:
  /// Something that happened. `apply` puts it into the batch (an Error means that it put nothing); `done` learns how it
  /// went once the batch is durable or refused.
  struct Message {
    std::function<Status()> apply;
    std::function<void(const Status&)> done;
    std::size_t weight = 1;  ///< how many events it holds
  };
  class Reporter;
  class Successor;

  std::optional<std::string> objection_of(const Lever& lever) const;
  Status admit();
  void count_store_error(const std::string& source, std::size_t events);
  void run();
  void handle(const std::vector<Message>& batch);
  void set_alarm();
  void place_wake(const std::string& incident_id);
  void drop_wake(const std::string& incident_id);
  void postpone_wake(const std::string& incident_id, SteadyTime until);
  void hasten_wake(const std::string& incident_id, SteadyTime latest);
  void ring();
  Status post_and_wait(std::function<Status()> apply);
  bool post_until_durable(const std::function<Status()>& apply, std::stop_token stop);
  void fail_all(const std::vector<Message>& batch, const Error& error);

  template <typename T>
  void change(std::function<Result<T>()> apply, std::function<void(Result<T>)> done);

  using HealDone = std::function<void(Result<HealAnswer>)>;
  Status begin_heal(const HealRequest& request, const std::shared_ptr<HealDone>& done);
  std::string accept_heal(const HealRequest& request, Jobs& jobs);
  /// One of the few investigations for people that may be under way, which `seats` counts; nullptr when there are too
  /// many: what alerts ask for must not wait behind them. Given back when it is destroyed.
  using Seats = std::shared_ptr<std::atomic<std::size_t>>;
  static std::shared_ptr<void> take_seat(const Seats& seats);
  void replace_if_allowed(const HealRequest& request, const std::shared_ptr<HealDone>& done);
  Status replace_or_refuse(const HealRequest& request, const Case& subject,
                           const std::shared_ptr<const Dossier>& dossier, HealAnswer& answer);
  void rehearse(const HealRequest& request, HealDone done);
  Status answer_rehearsal(const Case& subject, const Dossier& dossier, HealAnswer& answer);

  Result<Incident> apply_operation(const OperatorRequest& request);
  Status approve(const OperatorRequest& request, const OpenIncident& open);
  void await_approval(const std::string& incident_id);
  Status cancel(const OperatorRequest& request, const OpenIncident& open);
  Result<Incident> retry(const OperatorRequest& request);

  void page(const std::string& incident_id);
  Status record_page(const std::string& incident_id, const Alert& alert, const std::string& evidence,
                     const PageResult& result);
  Status record_quiet(const std::string& incident_id, WallTime until);
  void count_page(const PageResult& result);
  void note_page(const std::string& incident_id, const PageResult& result);
  void end_pages();
  void check_resolved(const std::string& incident_id, std::shared_ptr<const Dossier> dossier);
  Status begin_resolved(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier,
                        const VerifyRound& round, SteadyTime seen_at);

  std::optional<Verdict> objection_to_resolved(const OpenIncident& open, const Dossier& then) const;
  void wait_with_resolved(const std::string& incident_id, const Verdict& objection);

  void mark_clock();
  void take_up_all();
  void cancel_unbegun_heals();
  void take_up(const std::string& incident_id);
  /// The store kept it waiting for so long that it is no evidence any more.
  bool is_too_old(const Dossier& dossier) const;
  /// The store could not be read: takes the incident up again after a pause.
  void retry_later(const std::string& incident_id, const Error& error);
  void resume(const std::string& incident_id);
  void settle(const std::string& incident_id);
  void wait_to_resume(const std::string& incident_id, const std::string& reason, const std::string& message,
                      std::optional<WallTime> until);
  Status apply_resumption(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier);
  Status resume_run(const Case& subject, const std::shared_ptr<const Dossier>& dossier,
                    const std::vector<TimelineEntry>& timeline);
  Status resume_steps(const Case& subject, const std::shared_ptr<const Dossier>& dossier, RunOrder order,
                      bool would_act);
  /// What was found is durable with what follows from it; `jobs` runs what may begin.
  Status take_dossier(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier, Jobs& jobs);
  bool complete(RunOrder& order, const std::shared_ptr<const Dossier>& dossier);
  void start_run(RunOrder order, const std::shared_ptr<const Dossier>& dossier);
  void run_order(RunOrder order, std::stop_token stop);
  RunEnd run_to_end(RunOrder& order, std::stop_token stop);
  RunEnd run_verification(const RunOrder& run, std::stop_token stop);
  std::vector<Episode> episodes_of(const std::string& incident_id);

  void investigate(const std::string& incident_id) override;
  void run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier,
           std::optional<FirstLook> begun) override;
  void tell_decided(const std::string& incident_id, const Incident& incident) override;
  void look_again(const LateEvidence& late) override;

  void submit(const std::string& incident_id, std::function<void(std::stop_token)> job);

  Store& store_;
  Snapshot<World>& world_;
  const Tools tools_;
  const Logger logger_;
  const RemedyMetrics metrics_;
  const CoordinatorOptions options_;

  Inbox<Message> inbox_;
  std::atomic<bool> is_accepting_{false};
  std::atomic<bool> is_draining_{false};
  std::atomic<bool> is_store_full_{false};
  // Who only asks must not keep out who wants a heal.
  const Seats heal_seats_ = std::make_shared<std::atomic<std::size_t>>(0);
  const Seats rehearsal_seats_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::stop_source drain_;  // stops what can be taken up again without harm
  WorkerPool workers_;
  std::unique_ptr<Alarm> alarm_;
  std::thread thread_;
  NoJobs investigated_already_;

  // The coordinator thread's own.
  Ledger ledger_;
  ClockWatch clock_watch_;
  Duration set_back_before_{};  // how far the clock stands behind what an earlier run saw
  bool is_taken_up_ = false;    // what the store held at the start
  struct Wake {
    WallTime wall{};
    SteadyTime steady{};
  };
  std::map<std::string, Wake> wakes_;
  std::set<std::pair<SteadyTime, std::string>> wake_order_;  // of wakes_
  std::vector<std::string> freed_;                           // incidents that no worker has any more
  std::map<std::string, SteadyTime> retries_;                // incidents that the store could not give: when again
  std::map<std::string, std::size_t> busy_;                  // incidents that workers have: number of jobs
  std::map<std::string, HealDone> waiting_;                  // by incident: who asked for the heal
  std::map<std::string, Alert> pages_;                       // by incident: what a human is told
  std::map<std::string, std::stop_source> called_off_;       // of incidents that run
  std::map<std::string, std::shared_ptr<const Dossier>> dossiers_;  // of incidents that run or recovered
};

}  // namespace heal::remedy
