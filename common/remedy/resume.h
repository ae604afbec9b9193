#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/model/incident.h"
#include "common/port/store.h"
#include "common/remedy/execute.h"

namespace heal::remedy {

/// Where an interrupted run stands, from the journal alone.
struct ResumePoint {
  std::size_t first_step = 0, first_try = 1;
  playbook::Scope outputs;
  std::map<std::size_t, StepMemory> memory;
  std::vector<DoneStep> done;       ///< steps that can be undone, in the order in which they ran
  std::vector<std::size_t> undone;  ///< indices whose undo is over
  std::vector<std::string> failed_undos;
  std::map<std::size_t, std::size_t> undo_tries;
  std::optional<HalfDone> half_done;
  /// The run was over; only the end was not recorded any more.
  std::optional<RunEnd> end;
  /// A changing step may still be begun.
  bool would_act = false;
};

/// Folds the timeline of an executing incident: finished steps are passed over, a step with an intent and no outcome is
/// half-done, a failed one is tried again only when its retries allow it or when it is proven not to have happened.
/// `part`: which list is being run. Pure.
ResumePoint resume_point(const Incident& incident, const playbook::Plan& plan, StepRole part,
                         const std::vector<TimelineEntry>& timeline, const std::vector<OpenStep>& open_steps);

}  // namespace heal::remedy
