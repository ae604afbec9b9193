#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/remedy/incident_states.h"
#include "common/remedy/run_journal.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// A step that was found with an intent and no outcome.
struct HalfDone {
  std::size_t index = 0;
  std::size_t attempt_try = 0;  ///< which try of the step it was
  OpenStep step;
};

/// How a run ended. Without an event the service is stopping: the incident stays as it is and is taken up again.
struct RunEnd {
  std::optional<IncidentEvent> event;  ///< kStepsDone, kFail, kHalt or kRequeue
  std::string reason;
  std::string message;

  bool operator==(const RunEnd&) const = default;
};

/// What a worker needs to run a plan, or the rest of one.
struct RunOrder {
  std::string incident_id;
  std::uint64_t attempt = 1;
  std::shared_ptr<const World> world;
  std::shared_ptr<const playbook::Plan> plan;
  std::string container_id;  ///< identity of the target, when it is a container
  std::size_t first_step = 0;
  std::size_t first_try = 1;                       ///< of the first step
  bool may_act = true;                             ///< false: settle what is half-done, begin nothing
  playbook::Scope outputs;                         ///< `steps.<name>.<output>` of the steps that ran before
  std::optional<HalfDone> half_done;               ///< after a restart: what must be found out first
  std::optional<WallTime> stepped_at;              ///< when the last changing step ended
  std::function<std::vector<Episode>()> episodes;  ///< of the incident, as they are now
  std::optional<RunEnd> end;                       ///< the steps were over already, only this was not recorded any more
};

/// Runs the steps of a plan one after another: intent durable → act → outcome durable. A store that refuses is asked
/// again until it accepts; nothing is ever acted on twice because of it. `draining`: leave after the current step.
/// Blocks; runs on a worker.
RunEnd execute(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
               std::stop_token stop);

/// Name of a step in the journal: `<attempt>/<index>/<name>/<try>`.
std::string make_step_id(std::uint64_t attempt, std::size_t index, const std::string& name, std::size_t attempt_try);
struct StepIdParts {
  std::uint64_t attempt = 0;
  std::size_t index = 0;
  std::string name;
  std::size_t attempt_try = 0;
};
std::optional<StepIdParts> parse_step_id(const std::string& step_id);

/// Calls `write` until it succeeds, with growing pauses. False when the service stops first.
bool insist(Clock& clock, std::stop_token stop, const std::function<Status()>& write);

}  // namespace heal::remedy
