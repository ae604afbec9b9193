#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/model/container.h"
#include "common/playbook/plan.h"
#include "common/port/store.h"
#include "common/remedy/check.h"
#include "common/remedy/incident_states.h"
#include "common/remedy/ledger.h"
#include "common/remedy/lever_file.h"
#include "common/remedy/population.h"
#include "common/remedy/run_journal.h"
#include "common/remedy/verify.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// What an investigation is about: copies, so that a worker can use them while the coordinator goes on.
struct Case {
  Incident incident;
  Progress progress;
  Episode origin;                 ///< the first episode: its labels are what the plan is made from
  std::vector<Episode> episodes;  ///< those that still fire, kMostEpisodeKeys at most
};

/// A stage before the guards that ended the matter: `event` is kUnmatched, kRefuse, kStale or kHold.
struct Obstacle {
  IncidentEvent event = IncidentEvent::kRefuse;
  std::string stage;  ///< words::kInventoryStage or words::kPlanStage
  std::string reason;
  std::string message;

  bool operator==(const Obstacle&) const = default;
};

/// One `before` check and what it saw.
struct BeforeAnswer {
  playbook::Check check;
  CheckResult result;

  bool operator==(const BeforeAnswer&) const = default;
};

/// Everything that planner and guards need to know about the world, gathered at one moment. The guards are pure over
/// it.
struct Dossier {
  std::shared_ptr<const World> world;
  WallTime gathered_at{};
  SteadyTime ready_at{};             ///< when the last fact was in
  std::optional<Obstacle> obstacle;  ///< then `plan` may be absent
  std::shared_ptr<const playbook::Plan> plan;
  std::shared_ptr<const playbook::Playbook> playbook;  ///< what the plan was made from
  std::optional<ContainerInfo> container;              ///< for container targets
  std::vector<AlertAnswer> alerts;                     ///< per episode of Case whose source can be asked
  std::optional<VerifyRound>
      still_bad;  ///< verification now, for a further rung whose source was ended by our own steps
  std::vector<BeforeAnswer> before;
  LeverFile lever_file;
  std::optional<std::string> store_objection;  ///< why the store takes no new work; absent when it does
  std::optional<Population> population;        ///< absent when the target stands alone, or the guard is off
  std::optional<ActiveAlerts> blocking;        ///< absent when no alert can block
  std::string type;                            ///< of the incident, as the facts show it; "" when they do not
  std::optional<WallTime> failed_at;
  std::optional<std::int64_t> exit_code;  ///< of a dead container
  std::string failure_reason;             ///< why it died; "" when the facts do not show it
  std::optional<FaultLease> drill;        ///< the injected fault that it is about
  /// What the plan's first step found; absent when it might not run, or when looking would have to wait for others.
  std::optional<FirstLook> first_look;
};

/// The store's key for the text of a playbook that runs began with.
std::string playbook_key(const std::string& version);

/// Gathers the facts and makes the plan; the only stage before execution that does I/O. Reads only: nothing is
/// changed. Runs on a worker.
Dossier investigate(const Case& subject, std::shared_ptr<const World> world, const Tools& tools, Store& store,
                    std::stop_token stop);

}  // namespace heal::remedy
