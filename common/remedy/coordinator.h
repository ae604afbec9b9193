#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/snapshot.h"
#include "common/port/store.h"
#include "common/remedy/alarm.h"
#include "common/remedy/decide.h"
#include "common/remedy/inbox.h"
#include "common/remedy/intake.h"
#include "common/remedy/jobs.h"
#include "common/remedy/ledger.h"
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

struct CoordinatorOptions {
  std::size_t workers = 4;
  std::size_t inbox = 4096;         ///< messages from outside that may wait; beyond: kUnavailable
  std::function<void()> on_commit;  ///< called after each commit that wrote something; must be short
};

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

  /// Puts a notification into the pipeline. `done` is called once, after what it changed is durable, on the
  /// coordinator's thread (or at once when it is refused): kUnavailable when full or stopping, kStorage.
  void ingest(AlertGroup group, const std::function<void(Result<IngestReply>)>& done);
  /// Asks for a heal; `done` is called once it was decided.
  void heal(HealRequest request, std::function<void(Result<HealAnswer>)> done);

  /// True while new work is taken.
  bool is_accepting() const { return is_accepting_.load(); }

 private:
  /// Something that happened. `apply` puts it into the batch (an Error means that it put nothing); `done` learns how it
  /// went once the batch is durable or refused.
  struct Message {
    std::function<Status()> apply;
    std::function<void(const Status&)> done;
  };
  class Reporter;

  void run();
  void handle(const std::vector<Message>& batch);
  void set_alarm();
  void ring();
  Status post_and_wait(std::function<Status()> apply);
  bool post_until_durable(const std::function<Status()>& apply, std::stop_token stop);
  void fail_all(const std::vector<Message>& batch, const Error& error);

  using HealDone = std::function<void(Result<HealAnswer>)>;
  Status begin_heal(const HealRequest& request, const std::shared_ptr<HealDone>& done);
  std::string accept_heal(const HealRequest& request);
  void replace_if_allowed(const HealRequest& request, const std::shared_ptr<HealDone>& done);
  Status replace_or_refuse(const HealRequest& request, const Case& subject,
                           const std::shared_ptr<const Dossier>& dossier, HealAnswer& answer);
  void rehearse(const HealRequest& request, HealDone done);
  Status answer_rehearsal(const Case& subject, const Dossier& dossier, HealAnswer& answer);

  void take_up_all();
  void cancel_unbegun_heals();
  void take_up(const std::string& incident_id);
  /// The store could not be read: takes the incident up again after a pause.
  void retry_later(const std::string& incident_id, const Error& error);
  void resume(const std::string& incident_id);
  void settle(const std::string& incident_id);
  void wait_to_resume(const std::string& incident_id, const std::string& reason, const std::string& message,
                      std::optional<WallTime> until);
  Status apply_resumption(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier);
  Status resume_steps(const Case& subject, const std::shared_ptr<const Dossier>& dossier, ResumePoint point,
                      const std::vector<TimelineEntry>& timeline);
  void start_run(RunOrder order, const std::shared_ptr<const Dossier>& dossier);
  void run_order(const RunOrder& order, const Dossier& dossier, std::stop_token stop);
  void run_verification(const std::string& incident_id, const Dossier& dossier, std::stop_token stop);
  std::vector<Episode> episodes_of(const std::string& incident_id);

  void investigate(const std::string& incident_id) override;
  void run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier) override;
  void tell_decided(const std::string& incident_id, const Incident& incident) override;

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
  std::stop_source drain_;  // stops what can be taken up again without harm
  WorkerPool workers_;
  std::unique_ptr<Alarm> alarm_;
  std::thread thread_;

  // The coordinator thread's own.
  Ledger ledger_;
  struct Wake {
    WallTime wall{};
    SteadyTime steady{};
  };
  std::map<std::string, Wake> wakes_;
  std::map<std::string, SteadyTime> retries_;  // incidents that the store could not give: when again
  std::map<std::string, std::size_t> busy_;    // incidents that workers have: number of jobs
  std::map<std::string, HealDone> waiting_;    // by incident: who asked for the heal
  std::map<std::string, std::shared_ptr<const Dossier>> dossiers_;  // of incidents that run or recovered
};

}  // namespace heal::remedy
