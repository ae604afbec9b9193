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
#include "common/remedy/step_ref.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// Nothing is begun on evidence that is older than this: it is asked for again.
inline constexpr Duration kEvidencePatience = 30s;

/// A step that was found with an intent and no outcome.
struct HalfDone {
  StepRef ref;
  std::size_t attempt_try = 0;  ///< which try of the step it was
  OpenStep step;
};

/// How a run ended. Without an event the service is stopping: the incident stays as it is and is taken up again.
struct RunEnd {
  std::optional<IncidentEvent> event;  ///< kStepsDone, kFail, kHalt, kCancel, kRequeue or kClose
  std::string reason;
  std::string message;
  /// Whether what was done is to be undone.
  enum class Undo { kNever, kByPolicy, kAlways } undo = Undo::kNever;

  bool operator==(const RunEnd&) const = default;
};

/// What a worker needs to run a plan, or the rest of one.
struct RunOrder {
  std::string incident_id;
  std::uint64_t attempt = 1;
  std::shared_ptr<const World> world;
  std::shared_ptr<const playbook::Plan> plan;
  std::string container_id;         ///< identity of the target, when it is a container
  StepRole part = StepRole::kStep;  ///< which list is run
  std::size_t first_step = 0;
  std::size_t first_try = 1;                       ///< of the first step
  std::optional<FirstLook> begun;                  ///< the intent of that try is durable already
  bool may_act = true;                             ///< false: settle what is half-done, begin nothing
  playbook::Scope outputs;                         ///< `steps.<name>.<output>` of the steps that ran before
  std::map<std::size_t, StepMemory> memory;        ///< index → what its tries so far have shown
  std::vector<DoneStep> done;                      ///< steps that ran before and can be undone
  std::vector<std::size_t> undone;                 ///< indices whose undo is over, however
  std::vector<std::string> failed_undos;           ///< those of them that did not work, for people
  std::map<std::size_t, std::size_t> undo_tries;   ///< index → tries of its undo so far
  std::optional<HalfDone> half_done;               ///< after a restart: what must be found out first
  std::optional<WallTime> stepped_at;              ///< when the last changing step ended
  std::function<std::vector<Episode>()> episodes;  ///< of the incident, as they are now
  std::optional<RunEnd> end;                       ///< the steps were over already, only this was not recorded any more
  std::optional<RunEnd> undoing;                   ///< part kUndo: how the run ended that is undone
  SteadyTime evidence_at{};                        ///< when the evidence was complete on which it was decided
  std::stop_token called_off;                      ///< a person or the lever ends the run: waiting may end early
};

struct RunResult {
  RunEnd end;
  std::vector<DoneStep> done;  ///< what can be undone
};

/// Runs the steps of a plan (or those of on_resolved) one after another. A store that refuses is asked again until it
/// accepts; nothing is ever acted on twice because of it. `draining`: leave after the current step. Blocks; runs on a
/// worker.
RunResult execute(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
                  std::stop_token stop);

/// Undoes what `order.done` holds, the last first. An undo that fails does not keep the others from being tried. Ends
/// as `order.undoing` says, or with kHalt when not everything could be undone.
RunEnd execute_undo(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
                    std::stop_token stop);

/// The end of on_resolved's steps as the incident's: nothing is verified after them.
RunEnd after_end(RunEnd end);

/// Calls `write` until it succeeds, with growing pauses. False when the service stops first.
bool insist(Clock& clock, std::stop_token stop, const std::function<Status()>& write);

}  // namespace heal::remedy
