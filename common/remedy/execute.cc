#include "common/remedy/execute.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/step_runner.h"

namespace heal::remedy {
namespace {

using Kind = StepEnd::Kind;

constexpr Duration kMostPause = 5s;

std::size_t steps_of(const RunOrder& order) {
  if (order.part == StepRole::kResolved) return order.plan->on_resolved ? order.plan->on_resolved->steps.size() : 0;
  return order.plan->steps.size();
}

/// What a step's end means for the run; nullopt: it goes on with the next step.
std::optional<RunEnd> end_of(const StepEnd& step) {
  switch (step.kind) {
    case Kind::kDone:
      return std::nullopt;
    case Kind::kFailed:
      return RunEnd{IncidentEvent::kFail, step.reason, step.message, RunEnd::Undo::kByPolicy};
    case Kind::kUndo:
      return RunEnd{IncidentEvent::kFail, step.reason, step.message, RunEnd::Undo::kAlways};
    case Kind::kHalt:
      return RunEnd{IncidentEvent::kHalt, step.reason, step.message};
    case Kind::kRequeue:
      return RunEnd{IncidentEvent::kRequeue, step.reason, step.message};
    case Kind::kCalledOff:
      return RunEnd{IncidentEvent::kCancel, step.reason, step.message, RunEnd::Undo::kByPolicy};
    case Kind::kStopping:
      return RunEnd{};
  }
  return RunEnd{};
}

/// Runs the list from where it stands.
RunEnd run_list(const RunOrder& order, StepRunner& runner) {
  if (order.end) return *order.end;
  std::size_t index = order.first_step;
  std::size_t first_try = order.first_try;
  if (order.half_done) {
    const StepEnd settled = runner.settle(*order.half_done);
    index = order.half_done->ref.index;
    if (settled.kind == Kind::kFailed) {
      first_try = order.half_done->attempt_try + 1;
    } else if (auto end = end_of(settled)) {
      return *end;
    } else {
      ++index;
    }
  }
  if (!order.may_act) return {IncidentEvent::kStepsDone, "not_continued", "nothing more is done after the restart"};
  for (; index < steps_of(order); ++index, first_try = 1) {
    if (auto end = end_of(runner.run({order.part, index}, first_try))) return *end;
  }
  return {IncidentEvent::kStepsDone, "steps_done", "every step ran"};
}

/// The undos that are left.
class UndoRun {
 public:
  UndoRun(const RunOrder& order, StepRunner& runner)
      : order_(order), runner_(runner), over_(order.undone), failures_(order.failed_undos) {}

  /// False: the service is stopping.
  bool run() {
    if (order_.half_done && order_.half_done->ref.role == StepRole::kUndo) {
      const HalfDone& half = *order_.half_done;
      const StepEnd settled = runner_.settle(half);
      if (settled.kind == Kind::kStopping) return false;
      if (settled.kind == Kind::kFailed) {
        if (!undo(half.ref.index, half.attempt_try + 1)) return false;
      } else {
        take(half.ref.index, settled);
      }
    }
    for (std::size_t i = order_.done.size(); i > 0; --i) {
      const std::size_t index = order_.done[i - 1].index;
      const auto tries = order_.undo_tries.find(index);
      const std::size_t next = tries == order_.undo_tries.end() ? 1 : tries->second + 1;
      if (std::find(over_.begin(), over_.end(), index) == over_.end() && !undo(index, next)) return false;
    }
    return true;
  }

  RunEnd end() const {
    RunEnd end = order_.undoing.value_or(RunEnd{IncidentEvent::kFail, "undone", "", RunEnd::Undo::kNever});
    end.undo = RunEnd::Undo::kNever;
    if (!failures_.empty()) {
      return {IncidentEvent::kHalt, "undo_failed",
              fmt::format("{}; not everything could be undone: {}", end.message, fmt::join(failures_, "; "))};
    }
    std::vector<std::string> names;
    for (std::size_t i = order_.done.size(); i > 0; --i)
      names.push_back(order_.plan->steps[order_.done[i - 1].index].name);
    end.message += fmt::format("; undone: {}", fmt::join(names, ", "));
    return end;
  }

 private:
  bool undo(std::size_t index, std::size_t first_try) {
    const StepEnd end = runner_.run({StepRole::kUndo, index}, first_try);
    if (end.kind == Kind::kStopping) return false;
    take(index, end);
    return true;
  }

  void take(std::size_t index, const StepEnd& end) {
    over_.push_back(index);
    if (end.kind != Kind::kDone)
      failures_.push_back(fmt::format("{}: {}", order_.plan->steps[index].name, printable(end.message, 200)));
  }

  const RunOrder& order_;
  StepRunner& runner_;
  std::vector<std::size_t> over_;
  std::vector<std::string> failures_;
};

}  // namespace

RunResult execute(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
                  std::stop_token stop) {
  StepRunner runner(order, tools, journal, draining, std::move(stop));
  RunEnd end = run_list(order, runner);
  return {std::move(end), runner.done()};
}

RunEnd execute_undo(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
                    std::stop_token stop) {
  StepRunner runner(order, tools, journal, draining, std::move(stop));
  UndoRun undoing(order, runner);
  return undoing.run() ? undoing.end() : RunEnd{};
}

RunEnd after_end(RunEnd end) {
  end.undo = RunEnd::Undo::kNever;
  if (end.event != IncidentEvent::kStepsDone) return end;
  return {IncidentEvent::kClose, "on_resolved_done", "every alert has resolved, and the steps for that have run"};
}

bool insist(Clock& clock, std::stop_token stop, const std::function<Status()>& write) {
  Duration pause = 50ms;
  for (;;) {
    const Status status = write();
    if (status.has_value()) return true;
    if (status.error().code() == ErrorCode::kCancelled || stop.stop_requested()) return false;
    if (clock.sleep_for(pause, stop) == Clock::Wake::kStopped) return false;
    pause = std::min(pause * 2, kMostPause);
  }
}

}  // namespace heal::remedy
