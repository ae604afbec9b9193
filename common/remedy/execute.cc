#include "common/remedy/execute.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/verify.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

/// A first intent that had to wait longer than this for the store: the evidence is too old to act on.
constexpr Duration kIntentPatience = 30s;
constexpr Duration kMostPause = 5s;

enum class TryEnd { kDone, kFailed, kHalt, kRequeue, kStopping };

struct TryOutcome {
  TryEnd end = TryEnd::kFailed;
  std::string reason, message;
};

RunEnd ended(IncidentEvent event, std::string reason, std::string message) {
  return {event, std::move(reason), std::move(message)};
}

class Execution {
 public:
  Execution(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
            std::stop_token stop)
      : order_(order),
        tools_(tools),
        journal_(journal),
        draining_(draining),
        stop_(std::move(stop)),
        values_(order.plan->scope),
        stepped_at_(order.stepped_at) {
    values_.insert(order.outputs.begin(), order.outputs.end());
  }

  RunEnd run() {
    if (order_.end) return *order_.end;
    std::size_t index = order_.first_step;
    std::size_t first_try = order_.first_try;
    if (order_.half_done) {
      const auto settled = settle_half_done();
      if (settled.end == TryEnd::kStopping) return {};
      if (settled.end == TryEnd::kHalt) return ended(IncidentEvent::kHalt, settled.reason, settled.message);
      index = order_.half_done->index;
      if (settled.end == TryEnd::kDone) {
        ++index;
      } else {
        first_try = order_.half_done->attempt_try + 1;
      }
    }
    if (!order_.may_act)
      return ended(IncidentEvent::kStepsDone, "not_continued", "nothing more is done after the restart");
    for (; index < order_.plan->steps.size(); ++index, first_try = 1) {
      if (auto end = run_step(index, first_try)) return *end;
    }
    return ended(IncidentEvent::kStepsDone, "steps_done", "every step ran");
  }

 private:
  const playbook::PlannedStep& step(std::size_t index) const { return order_.plan->steps[index]; }
  bool is_leaving() const { return draining_.load() || stop_.stop_requested(); }

  ActionScope scope_of(std::size_t index) const {
    return {*order_.world, tools_, *order_.plan, step(index), values_, order_.container_id, stepped_at_};
  }

  /// nullopt: go on with the next step.
  std::optional<RunEnd> run_step(std::size_t index, std::size_t first_try) {
    const auto& what = step(index);
    if (is_leaving()) return RunEnd{};
    const auto condition = playbook::evaluate(what.when, values_);
    if (condition.truth != playbook::Truth::kTrue) return not_run(index, condition);
    std::size_t last_try = std::max<std::size_t>(what.retry.attempts, first_try);
    bool is_rerun = false;
    Duration pause = what.retry.backoff;
    for (std::size_t number = first_try;; ++number) {
      if (is_leaving()) return RunEnd{};
      TryOutcome outcome = run_try(index, number);
      if (outcome.end == TryEnd::kDone) return std::nullopt;
      if (outcome.end == TryEnd::kStopping) return RunEnd{};
      if (outcome.end == TryEnd::kHalt) return ended(IncidentEvent::kHalt, outcome.reason, outcome.message);
      if (outcome.end == TryEnd::kRequeue) return ended(IncidentEvent::kRequeue, outcome.reason, outcome.message);
      // on_unknown: rerun is a promise of one more try, whatever `retry` says.
      if (outcome.reason == words::kRerun && !std::exchange(is_rerun, true)) last_try = std::max(last_try, number + 1);
      if (number >= last_try) {
        return ended(IncidentEvent::kFail, "step_failed",
                     fmt::format("step {} failed: {}", what.name, printable(outcome.message, 400)));
      }
      if (tools_.clock.sleep_for(pause, stop_) == Clock::Wake::kStopped) return RunEnd{};
      pause *= 2;
    }
  }

  std::optional<RunEnd> not_run(std::size_t index, const playbook::ConditionResult& condition) {
    const bool is_skipped = condition.truth == playbook::Truth::kFalse;
    ActionResult result;
    result.reason = is_skipped ? "condition_false" : "value_missing";
    result.message = condition.explanation;
    if (!report(index, 1, is_skipped ? words::kSkipped : words::kFailed, result, Duration{})) return RunEnd{};
    if (is_skipped) return std::nullopt;
    return ended(IncidentEvent::kFail, "step_failed",
                 fmt::format("step {} failed: {}", step(index).name, printable(condition.explanation, 400)));
  }

  TryOutcome run_try(std::size_t index, std::size_t number) {
    const auto& what = step(index);
    const SteadyTime begun = tools_.clock.steady_now();
    const ActionKind* action = find_action(what.kind);
    if (action == nullptr) return refuse(index, number, "unknown_step_kind", what.kind + " cannot be done");
    const ActionScope scope = scope_of(index);
    BeforeState before;
    if (action->prepare != nullptr) {
      auto prepared = action->prepare(scope, begun + what.timeout, stop_);
      if (stop_.stop_requested()) return {TryEnd::kStopping, "", ""};
      if (!prepared.has_value())
        return refuse(index, number, std::string(to_string(prepared.error().code())), prepared.error().str());
      before = std::move(*prepared);
    }
    const TryOutcome intended = intend(index, number, before);
    if (intended.end != TryEnd::kDone) return intended;
    ActionResult result = action->run(scope, before, tools_.clock.deadline_in(what.timeout), stop_);
    return finish(index, number, before, std::move(result), begun);
  }

  /// A step that could not be begun: nothing was touched.
  TryOutcome refuse(std::size_t index, std::size_t number, std::string reason, std::string message) {
    ActionResult result = ActionResult::failed(reason, message);
    if (!report(index, number, words::kFailed, result, Duration{})) return {TryEnd::kStopping, "", ""};
    return {TryEnd::kFailed, std::move(reason), std::move(message)};
  }

  /// kDone: the intent is durable and the step may act.
  TryOutcome intend(std::size_t index, std::size_t number, const BeforeState& before) {
    const auto& what = step(index);
    StepIntent intent;
    intent.kind = what.kind;
    intent.effect = what.effect;
    intent.step = {order_.incident_id, make_step_id(order_.attempt, index, what.name, number), tools_.clock.now(),
                   dump({{"step", what.name}, {"kind", what.kind}, {"plan", order_.plan->hash}, {"before", before}})};
    intent.message =
        fmt::format("step {} ({}) begins{}", what.name, what.kind, number > 1 ? fmt::format(", try {}", number) : "");
    const SteadyTime begun = tools_.clock.steady_now();
    if (!insist(tools_.clock, stop_, [&] { return journal_.intent(intent); })) return {TryEnd::kStopping, "", ""};
    const bool is_first = !has_acted_ && order_.first_step == 0 && !order_.half_done;
    has_acted_ = true;
    if (is_first && tools_.clock.steady_now() - begun > kIntentPatience) {
      ActionResult result =
          ActionResult::failed(std::string(words::kTooOld), "the store took too long; the guards are asked again");
      if (!report(index, number, words::kSkipped, result, Duration{})) return {TryEnd::kStopping, "", ""};
      return {TryEnd::kRequeue, result.reason, result.message};
    }
    return {TryEnd::kDone, "", ""};
  }

  TryOutcome finish(std::size_t index, std::size_t number, const BeforeState& before, ActionResult result,
                    SteadyTime begun) {
    const auto& what = step(index);
    // Left open: it is settled after the next start.
    if (result.kind == ActionResult::Kind::kUnknown && stop_.stop_requested()) return {TryEnd::kStopping, "", ""};
    TryOutcome outcome{TryEnd::kDone, result.reason, result.message};
    std::string_view word = words::kDone;
    if (result.kind == ActionResult::Kind::kFailed) {
      outcome.end = TryEnd::kFailed;
      word = result.reason == "timeout" ? words::kTimeout : words::kFailed;
    } else if (result.kind == ActionResult::Kind::kUnknown) {
      outcome = settle(index, before, tools_.clock.now(), result.message);
      if (outcome.end == TryEnd::kStopping) return outcome;
      word = outcome.end == TryEnd::kDone ? words::kDone : words::kUnknown;
      if (outcome.end == TryEnd::kFailed) word = words::kTimeout;
      result.reason = outcome.reason;
      result.message = outcome.message;
    }
    if (what.effect == playbook::Effect::kChanges) stepped_at_ = tools_.clock.now();
    if (!report(index, number, word, result, tools_.clock.steady_now() - begun)) return {TryEnd::kStopping, "", ""};
    for (const auto& [name, value] : result.outputs)
      values_[fmt::format("steps.{}.{}", what.name, name)] = value;
    return outcome;
  }

  /// What is known about a begun step whose outcome is not: kDone it happened, kFailed it did not (or may be repeated),
  /// kHalt a human must look.
  TryOutcome settle(std::size_t index, const BeforeState& before, WallTime intended_at, const std::string& what_was) {
    const auto& what = step(index);
    if (what.on_unknown == playbook::OnUnknown::kHalt || what.on_unknown == playbook::OnUnknown::kUndo)
      return {TryEnd::kHalt, "outcome_unknown", fmt::format("{}; on_unknown: halt", what_was)};
    const ActionKind* action = find_action(what.kind);
    const bool may_rerun =
        what.on_unknown == playbook::OnUnknown::kRerun && what.idempotence == playbook::Idempotence::kIdempotent;
    ProbeAnswer answer{Probed::kUnknown, "nothing can be asked about this kind of step"};
    if (action != nullptr && action->probe != nullptr)
      answer = action->probe(scope_of(index), before, intended_at, stop_);
    if (stop_.stop_requested() && answer.probed == Probed::kUnknown) return {TryEnd::kStopping, "", ""};
    const std::string told = fmt::format("{}; {}", what_was, answer.message);
    if (answer.probed == Probed::kHappened) return {TryEnd::kDone, "happened", told};
    if (answer.probed == Probed::kDidNotHappen) return {TryEnd::kFailed, "did_not_happen", told};
    if (may_rerun) return {TryEnd::kFailed, std::string(words::kRerun), fmt::format("{}; on_unknown: rerun", told)};
    return settle_by_verification(intended_at, told);
  }

  /// Only what is newer than the step can speak for it.
  TryOutcome settle_by_verification(WallTime intended_at, const std::string& told) {
    const VerifyOrder order{*order_.plan, *order_.world, order_.episodes, intended_at};
    const auto round = verify(order, tools_, nullptr, stop_);
    if (!round) return {TryEnd::kStopping, "", ""};
    const std::string message =
        fmt::format("{}; verification says {}: {}", told, to_string(round->answer), round->message);
    if (round->answer == Answer::kPass) return {TryEnd::kDone, "verified", message};
    return {TryEnd::kHalt, "outcome_unknown", message};
  }

  TryOutcome settle_half_done() {
    const HalfDone& half = *order_.half_done;
    BeforeState before;
    if (auto data = parse_json(half.step.data); data.has_value()) {
      if (auto labels = get_optional_labels(*data, "before"); labels.has_value())
        before = BeforeState(labels->begin(), labels->end());
    }
    TryOutcome outcome = settle(half.index, before, half.step.intended_at, "found without an outcome after a restart");
    if (outcome.end == TryEnd::kStopping) return outcome;
    ActionResult result;
    result.reason = outcome.reason;
    result.message = outcome.message;
    const std::string_view word = outcome.end == TryEnd::kDone   ? words::kDone
                                  : outcome.end == TryEnd::kHalt ? words::kUnknown
                                                                 : words::kFailed;
    StepReport report = report_of(half.index, half.attempt_try, word, result, Duration{});
    report.step_id = half.step.step_id;
    if (!insist(tools_.clock, stop_, [&] { return journal_.outcome(report); })) return {TryEnd::kStopping, "", ""};
    stepped_at_ = tools_.clock.now();
    return outcome;
  }

  StepReport report_of(std::size_t index, std::size_t number, std::string_view word, const ActionResult& result,
                       Duration duration) const {
    StepReport report;
    report.name = step(index).name;
    report.kind = step(index).kind;
    report.index = index;
    report.step_id = make_step_id(order_.attempt, index, report.name, number);
    report.outcome = word;
    report.result = result;
    report.duration = duration;
    return report;
  }

  bool report(std::size_t index, std::size_t number, std::string_view word, const ActionResult& result,
              Duration duration) {
    const StepReport what = report_of(index, number, word, result, duration);
    return insist(tools_.clock, stop_, [&] { return journal_.outcome(what); });
  }

  const RunOrder& order_;
  const Tools& tools_;
  RunJournal& journal_;
  const std::atomic<bool>& draining_;
  const std::stop_token stop_;
  playbook::Scope values_;
  std::optional<WallTime> stepped_at_;
  bool has_acted_ = false;
};

}  // namespace

RunEnd execute(const RunOrder& order, const Tools& tools, RunJournal& journal, const std::atomic<bool>& draining,
               std::stop_token stop) {
  return Execution(order, tools, journal, draining, std::move(stop)).run();
}

std::string make_step_id(std::uint64_t attempt, std::size_t index, const std::string& name, std::size_t attempt_try) {
  return fmt::format("{}/{}/{}/{}", attempt, index, name, attempt_try);
}

std::optional<StepIdParts> parse_step_id(const std::string& step_id) {
  const auto parts = split(step_id, '/');
  if (parts.size() != 4) return std::nullopt;
  const auto attempt = parse_int(parts[0]);
  const auto index = parse_int(parts[1]);
  const auto number = parse_int(parts[3]);
  if (!attempt || !index || !number || *attempt < 0 || *index < 0 || *number < 0) return std::nullopt;
  return StepIdParts{static_cast<std::uint64_t>(*attempt), static_cast<std::size_t>(*index), std::string(parts[2]),
                     static_cast<std::size_t>(*number)};
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
