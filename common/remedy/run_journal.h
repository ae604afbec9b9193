#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/port/store.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {

/// A step that is about to act.
struct StepIntent {
  OpenStep step;
  std::string kind;
  playbook::Effect effect = playbook::Effect::kReads;
  std::string message;
};

/// What became of it.
struct StepReport {
  std::string step_id, name, kind;
  std::size_t index = 0;
  std::string outcome;  ///< words::kDone, kFailed, kTimeout, kUnknown or kSkipped
  ActionResult result;
  Duration duration{};
};

/// Where a running plan writes what it is about to do and what came of it. Each call returns when it is durable; an
/// Error means that nothing was written (kStorage: trying again may help; kCancelled: the service is stopping).
class RunJournal {
 public:
  virtual ~RunJournal() = default;
  virtual Status intent(const StepIntent& intent) = 0;
  virtual Status outcome(const StepReport& report) = 0;
  /// A line in the incident's timeline.
  virtual Status note(const std::string& kind, const std::string& message, const std::string& data) = 0;
};

}  // namespace heal::remedy
