#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/fault/protection.h"
#include "common/model/fault_lease.h"
#include "common/model/prom_sample.h"
#include "common/wire/json_fwd.h"
#include "healctl/context.h"
#include "healctl/drill/drill.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {

/// One stage of a drill and how it ended.
struct DrillStage {
  std::string name;  ///< steady, inject, alert, decision, heal, resolved, untouched, revert, steady again
  enum class Outcome { kPassed, kFailed, kUnknown } outcome = Outcome::kFailed;  ///< kUnknown: could not find out
  std::string message;
  std::optional<Duration> at;  ///< since the fault, by the service's own record
  std::optional<Duration> limit;
  Duration took{};  ///< how long we waited for it
};

struct DrillReport {
  std::vector<DrillStage> stages;
  std::string lease_id, incident_id;
  /// detect, decide, act, verify, resolve: since the fault.
  std::map<std::string, Duration> times;
  Exit exit = Exit::kDone;
};

/// More incidents than a drill follows.
inline constexpr std::size_t kMostIncidents = 1000;

/// An incident in one line, for a stage's message.
std::string told(const Incident& incident);

/// Runs one drill through the service's API. What it injected is undone on every way out: by us, or at the end of the
/// lease by the service. Blocks; ends soon after the context's stop.
class Conductor {
 public:
  using InProduction = fault::InProduction;
  /// `on_stage` learns of each stage that has ended; `on_wait` of what is waited for, again and again.
  using OnStage = std::function<void(const DrillStage&)>;
  using OnWait = std::function<void(const std::string& what, Duration since, Duration limit)>;
  Conductor(Context& context, const Drill& drill, std::string prometheus, InProduction in_production, OnStage on_stage,
            OnWait on_wait);

  DrillReport run();
  /// The steady state and whether the fault would be allowed; nothing is changed.
  DrillReport rehearse();

 private:
  enum class Next { kGoOn, kEnd };
  /// What one look at something saw.
  struct Look {
    enum class Is {
      kThere,
      kNotYet,
      kNever,    ///< it will not come any more
      kUnknown,  ///< whoever knows could not be asked
    } is = Is::kNotYet;
    std::string message;

    static Look unknown(const Error& error) { return {Is::kUnknown, error.str()}; }
    DrillStage::Outcome outcome() const;
  };

  Next steady();
  Next look_at_open(DrillStage& stage);
  Next inject(bool only_ask);
  Json injection() const;
  Next note_leases(DrillStage& stage);
  Next alert();
  Next decision();
  Next heal();
  Next no_heal();
  Next resolved();
  Next untouched();
  void revert();
  void steady_again();

  using Is = Look::Is;

  Next wait_for(const std::string& name, const std::string& what, Duration limit, const std::function<Look()>& look);
  /// Returns when the service's event stream tells something, after a second of silence, or at a stop.
  Clock::Wake wait_for_news(Duration left);
  Next end_stage(DrillStage stage);
  Look look_at_steady();
  Look look_at(const DrillCheck& check);
  /// kThere: all that the query reads was sampled after the undo, with the words for that; before the fault, all of it
  /// has samples, without which it could not be seen to hold again.
  Look look_at_age(const DrillCheck& check);
  /// kNotYet: the drill goes on.
  Look look_for_stop();
  Result<std::vector<PromSample>> query(const std::string& expression);
  Look look_for_incident();
  Look look_at_others();
  std::string where_it_went(const std::vector<Incident>& all) const;
  Result<Story> story();
  bool may_come_again(const Incident& incident);
  Duration since_fault(WallTime time) const { return time - injected_at_; }
  Look look_at_lease(ServiceClient& service);
  /// Of an injection without an answer: whether this may be what it has begun.
  bool may_be_ours(const FaultLease& lease) const;
  Look look_for_lease(ServiceClient& service);
  /// Afterwards the report has the lease's id, or there is none that is known.
  Look wait_for_lease(ServiceClient& service);
  Look wait_for_undo(ServiceClient& service);

  Context& context_;
  const Drill& drill_;
  const std::string prometheus_;
  const InProduction in_production_;
  const OnStage on_stage_;
  const OnWait on_wait_;
  DrillReport report_;
  bool was_injected_ = false;
  WallTime injected_at_{};        ///< by the service's clock
  SteadyTime injected_steady_{};  ///< by our own, when it was answered: not before the fault
  /// Since when nothing of the fault is left, by the service's clock where its lease says so; nullopt before.
  std::optional<WallTime> undone_at_;
  SteadyTime stop_asked_at_{};
  std::string incident_id_;
  std::vector<std::string> open_before_;  ///< incidents of others that were not over when the drill began
  std::set<std::string> leases_before_;   ///< ids of all faults that were known just before ours
  std::set<std::string> passed_over_;     ///< incidents that ended before anything was done
  std::string last_event_;                ///< of the stream that was followed
};

}  // namespace heal::ctl
