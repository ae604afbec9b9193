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
#include "common/remedy/world.h"

namespace heal::remedy {

/// What an investigation is about: copies, so that a worker can use them while the coordinator goes on.
struct Case {
  Incident incident;
  Progress progress;
  Episode origin;                 ///< the first episode: its labels are what the plan is made from
  std::vector<Episode> episodes;  ///< those that still fire
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
  std::optional<Obstacle> obstacle;  ///< then `plan` may be absent
  std::shared_ptr<const playbook::Plan> plan;
  std::optional<ContainerInfo> container;  ///< for container targets
  std::vector<AlertAnswer> alerts;         ///< per episode of Case that came from Alertmanager
  std::vector<BeforeAnswer> before;
  std::string type;  ///< of the incident, as the facts show it; "" when they do not
  std::optional<WallTime> failed_at;
};

/// Gathers the facts and makes the plan; the only stage before execution that does I/O. Reads only: nothing is
/// changed. Runs on a worker.
Dossier investigate(const Case& subject, std::shared_ptr<const World> world, const Tools& tools, Store& store,
                    std::stop_token stop);

}  // namespace heal::remedy
