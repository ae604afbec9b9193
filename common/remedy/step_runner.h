#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/remedy/execute.h"

namespace heal::remedy {

/// How one step ended, all of its tries considered.
struct StepEnd {
  enum class Kind {
    kDone,       ///< it ran, or its condition skipped it
    kFailed,     ///< it is known that it did not do what it should
    kUndo,       ///< its outcome is unknown, and it is to be undone
    kHalt,       ///< its outcome is unknown: a human must look
    kRequeue,    ///< the store took too long before anything was touched
    kCalledOff,  ///< it was not begun: somebody called the run off
    kStopping,   ///< the service is stopping; taken up again after the next start
  };
  Kind kind = Kind::kFailed;
  std::string reason, message;
  std::map<std::string, std::string, std::less<>> outputs{};  ///< of a step that turned out to have happened
};

/// Runs single steps of a plan: intent durable → act → outcome durable. Knows nothing of their order. Blocks; for one
/// thread (a worker).
class StepRunner {
 public:
  /// All references must outlive it.
  StepRunner(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
             std::stop_token stop);

  /// Runs a step with its retries.
  StepEnd run(StepRef ref, std::size_t first_try);
  /// Finds out what became of a step that was found without an outcome, and journals it.
  StepEnd settle(const HalfDone& half);

  /// The steps of the plan that can be undone, in the order in which they ran.
  const std::vector<DoneStep>& done() const { return done_; }
  bool is_leaving() const { return draining_.load() || stop_.stop_requested(); }

 private:
  const playbook::PlannedStep& step(StepRef ref) const;
  ActionScope scope_of(StepRef ref) const;
  StepEnd not_run(StepRef ref, const playbook::ConditionResult& condition);
  StepEnd run_try(StepRef ref, std::size_t number);
  StepEnd run_begun();
  bool is_too_late() const;
  StepEnd act(StepRef ref, std::size_t number, const BeforeState& before, SteadyTime begun);
  StepEnd give_up(StepRef ref, std::size_t number, std::string why);
  StepEnd refuse(StepRef ref, std::size_t number, std::string reason, std::string message);
  StepEnd intend(StepRef ref, std::size_t number, const BeforeState& before, const std::vector<TargetId>& touched);
  StepEnd finish(StepRef ref, std::size_t number, const BeforeState& before, ActionResult result, SteadyTime begun);
  StepEnd find_out(StepRef ref, const BeforeState& before, WallTime intended_at, const std::string& what_was);
  StepEnd find_out_by_verification(WallTime intended_at, const std::string& told);
  void note_outputs(StepRef ref, const ActionResult& result);
  void note_done(StepRef ref, std::size_t number, std::string_view word, const ActionResult& result);
  void remember(StepRef ref, const BeforeState& before);
  StepReport report_of(StepRef ref, std::size_t number, std::string_view word, const ActionResult& result,
                       Duration duration) const;
  bool report(const StepReport& what);

  const RunOrder& order_;
  const Tools& tools_;
  RunJournal& journal_;
  const std::atomic<bool>& draining_;
  const std::stop_token stop_;
  playbook::Scope values_;
  std::optional<WallTime> stepped_at_;
  std::vector<DoneStep> done_;
  std::map<std::size_t, StepMemory> memory_;                             // by index in `steps`
  std::map<std::pair<StepRole, std::size_t>, BeforeState> first_found_;  // by list and index: before its first try
  bool has_acted_ = false;
};

}  // namespace heal::remedy
