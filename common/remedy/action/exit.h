#pragma once

#include <cstdint>
#include <string>

#include "common/remedy/action/action.h"

namespace heal::remedy {

/// What came of a program that ended by itself: done when its exit code is one of the step's `exit_codes` (0). Outputs
/// `exit_code`, `output`, `errors`.
ActionResult of_exit(const playbook::PlannedStep& step, const std::string& program, std::int64_t exit_code,
                     const std::string& output, const std::string& errors);

/// Adds to `result` that what the program left running was ended, if it left anything: who expects a daemon of it must
/// know.
ActionResult with_left_over(ActionResult result, const ProcessOutcome& outcome);

}  // namespace heal::remedy
