#include "common/remedy/step_runner.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"
#include "common/remedy/either_stop.h"
#include "common/remedy/verify.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

using Kind = StepEnd::Kind;

constexpr std::string_view kLocked = "target_locked";

const StepEnd kStopped{Kind::kStopping, "", ""};

std::string_view word_of(StepRef ref, Kind kind, const std::string& reason) {
  switch (kind) {
    case Kind::kDone:
      return ref.role == StepRole::kUndo ? words::kUndone : words::kDone;
    case Kind::kHalt:
    case Kind::kUndo:
      return words::kUnknown;
    default:
      return reason == "timeout" ? words::kTimeout : words::kFailed;
  }
}

/// What a refused intent means; nullopt: the store could not take it, which is no refusal.
std::optional<StepEnd> refusal_of(const Error& error) {
  if (error.code() == ErrorCode::kRefused) return StepEnd{Kind::kCalledOff, "", ""};
  if (error.code() == ErrorCode::kConflict)
    return StepEnd{Kind::kRequeue, std::string(words::kTooOld), error.message()};
  if (error.code() == ErrorCode::kUnavailable) return StepEnd{Kind::kFailed, std::string(kLocked), error.message()};
  return std::nullopt;
}

}  // namespace

StepRunner::StepRunner(const RunOrder& order, const Tools& tools, RunJournal& journal,
                       const std::atomic<bool>& draining, std::stop_token stop)
    : order_(order),
      tools_(tools),
      journal_(journal),
      draining_(draining),
      stop_(std::move(stop)),
      values_(order.plan->scope),
      stepped_at_(order.stepped_at),
      done_(order.done),
      memory_(order.memory) {
  values_.insert(order.outputs.begin(), order.outputs.end());
  for (const auto& [index, memory] : memory_) {
    if (memory.found) first_found_.emplace(std::pair(StepRole::kStep, index), *memory.found);
  }
}

const playbook::PlannedStep& StepRunner::step(StepRef ref) const {
  return planned_step(*order_.plan, ref);
}

ActionScope StepRunner::scope_of(StepRef ref) const {
  const auto& what = step(ref);
  ActionScope scope{*order_.world,       tools_,      *order_.plan,      what, values_,
                    order_.container_id, stepped_at_, order_.incident_id};
  const bool is_undo = ref.role == StepRole::kUndo;
  const StepRef undone{StepRole::kStep, ref.index};
  scope.step_key = make_step_key(order_.attempt, is_undo && what.restores ? undone : ref, what.name);
  if (is_undo && what.target == step(undone).target)
    scope.undone_container_id = value_of(found_by(done_, ref.index), "id");
  const auto first = first_found_.find({ref.role, ref.index});
  if (first != first_found_.end()) scope.first_found = &first->second;
  return scope;
}

bool StepRunner::is_too_late() const {
  return tools_.clock.steady_now() - order_.evidence_at > kEvidencePatience;
}

StepEnd StepRunner::run_begun() {
  const StepRef ref{order_.part, order_.first_step};
  const FirstLook& look = *order_.begun;
  if (is_leaving()) return give_up(ref, order_.first_try, "the service stopped before it; the guards are asked again");
  if (is_too_late()) return give_up(ref, order_.first_try, "it took too long to begin; the guards are asked again");
  has_acted_ = true;
  remember(ref, look.before);
  return act(ref, order_.first_try, look.before, tools_.clock.steady_now());
}

StepEnd StepRunner::run(StepRef ref, std::size_t first_try) {
  const auto& what = step(ref);
  if (!order_.begun && is_leaving()) return kStopped;
  const auto condition = playbook::evaluate(what.when, values_);
  if (condition.truth != playbook::Truth::kTrue) return not_run(ref, condition);
  std::size_t last_try = std::max<std::size_t>(what.retry.attempts, first_try);
  bool is_rerun = false;
  for (std::size_t number = first_try;; ++number) {
    const bool is_begun = order_.begun && !has_acted_;
    if (!is_begun && is_leaving()) return kStopped;
    StepEnd end = is_begun ? run_begun() : run_try(ref, number);
    if (end.kind != Kind::kFailed) return end;
    // on_unknown: rerun is a promise of one more try, whatever `retry` says.
    if (end.reason == words::kRerun && !std::exchange(is_rerun, true)) last_try = std::max(last_try, number + 1);
    if (number >= last_try) {
      end.message = fmt::format("{} {} failed: {}", ref.role == StepRole::kUndo ? "the undo of step" : "step",
                                what.name, printable(end.message, 400));
      end.reason = "step_failed";
      return end;
    }
    const EitherStop either(stop_, order_.called_off);
    tools_.clock.sleep_for(what.retry.pause_after(number), either.token());  // called off: the next intent is refused
    if (stop_.stop_requested()) return kStopped;
  }
}

StepEnd StepRunner::not_run(StepRef ref, const playbook::ConditionResult& condition) {
  const bool is_skipped = condition.truth == playbook::Truth::kFalse;
  ActionResult result;
  result.reason = is_skipped ? "condition_false" : "value_missing";
  result.message = condition.explanation;
  if (!report(report_of(ref, 1, is_skipped ? words::kSkipped : words::kFailed, result, Duration{}))) return kStopped;
  if (is_skipped) return {Kind::kDone, "", ""};
  return {Kind::kFailed, "step_failed",
          fmt::format("step {} failed: {}", step(ref).name, printable(condition.explanation, 400))};
}

StepEnd StepRunner::run_try(StepRef ref, std::size_t number) {
  const auto& what = step(ref);
  const SteadyTime begun = tools_.clock.steady_now();
  const ActionKind* action = find_action(what.kind);
  const bool is_possible = action != nullptr && (!what.restores || action->restore != nullptr);
  if (!is_possible) return refuse(ref, number, "unknown_step_kind", what.kind + " cannot be done");
  const ActionScope scope = scope_of(ref);
  BeforeState before;
  if (action->prepare != nullptr) {
    auto prepared = action->prepare(scope, begun + what.timeout, stop_);
    if (stop_.stop_requested()) return kStopped;
    if (!prepared.has_value())
      return refuse(ref, number, std::string(to_string(prepared.error().code())), prepared.error().str());
    before = std::move(*prepared);
  }
  remember(ref, before);
  const auto touched = action->touches == nullptr ? std::vector<TargetId>() : action->touches(scope, before);
  const StepEnd intended = intend(ref, number, before, touched);
  if (intended.kind != Kind::kDone) return intended;
  return act(ref, number, before, begun);
}

StepEnd StepRunner::act(StepRef ref, std::size_t number, const BeforeState& before, SteadyTime begun) {
  const auto& what = step(ref);
  const ActionKind* action = find_action(what.kind);
  const ActionScope scope = scope_of(ref);
  const Deadline deadline = tools_.clock.deadline_in(what.timeout);
  ActionResult result = what.restores ? action->restore(scope, found_by(done_, ref.index), deadline, stop_)
                                      : action->run(scope, before, deadline, stop_);
  first_found_.try_emplace({ref.role, ref.index}, before);
  return finish(ref, number, before, std::move(result), begun);
}

/// A step that could not be begun: nothing was touched.
StepEnd StepRunner::refuse(StepRef ref, std::size_t number, std::string reason, std::string message) {
  const ActionResult result = ActionResult::failed(reason, message);
  // By an allow-list, the actuator, or a lock of another incident; otherwise it cannot be done.
  const bool is_forbidden = reason == to_string(ErrorCode::kRefused) || reason == kLocked;
  const std::string_view word = is_forbidden ? words::kRefused : words::kFailed;
  if (!report(report_of(ref, number, word, result, Duration{}))) return kStopped;
  return {Kind::kFailed, std::move(reason), std::move(message)};
}

/// kDone: the intent is durable and the step may act.
StepEnd StepRunner::intend(StepRef ref, std::size_t number, const BeforeState& before,
                           const std::vector<TargetId>& touched) {
  StepIntent intent =
      make_intent(order_.incident_id, order_.attempt, *order_.plan, ref, number, before, tools_.clock.now());
  for (const TargetId& target : touched)
    intent.touches.push_back(target.str());
  intent.is_first = !has_acted_ && order_.first_step == 0 && !order_.half_done && ref.role == StepRole::kStep;
  std::optional<StepEnd> refused;
  const bool is_durable = insist(tools_.clock, stop_, [&]() -> Status {
    Status status = journal_.intent(intent);
    if (!status.has_value()) refused = refusal_of(status.error());
    return refused ? Status() : status;
  });
  if (!is_durable) return kStopped;
  if (refused && refused->reason == kLocked) return refuse(ref, number, refused->reason, refused->message);
  if (refused) return *refused;
  has_acted_ = true;
  // It waited for a worker, or for the store.
  if (intent.is_first && is_too_late())
    return give_up(ref, number, "it took too long to begin; the guards are asked again");
  return {Kind::kDone, "", ""};
}

/// A step that will not be begun although its intent is durable: nothing was touched.
StepEnd StepRunner::give_up(StepRef ref, std::size_t number, std::string why) {
  const ActionResult result = ActionResult::failed(std::string(words::kTooOld), std::move(why));
  if (!report(report_of(ref, number, words::kSkipped, result, Duration{}))) return kStopped;
  return {Kind::kRequeue, result.reason, result.message};
}

StepEnd StepRunner::finish(StepRef ref, std::size_t number, const BeforeState& before, ActionResult result,
                           SteadyTime begun) {
  const auto& what = step(ref);
  // Left open: it is settled after the next start.
  if (result.kind == ActionResult::Kind::kUnknown && stop_.stop_requested()) return kStopped;
  StepEnd end{Kind::kDone, result.reason, result.message};
  std::string_view word = word_of(ref, Kind::kDone, "");
  if (result.kind == ActionResult::Kind::kFailed) {
    end.kind = Kind::kFailed;
    word = result.was_refused ? words::kRefused : word_of(ref, end.kind, result.reason);
  } else if (result.kind == ActionResult::Kind::kUnknown) {
    end = find_out(ref, before, tools_.clock.now(), result.message);
    if (end.kind == Kind::kStopping) return end;
    word = end.kind == Kind::kFailed ? words::kTimeout : word_of(ref, end.kind, end.reason);
    result.reason = end.reason;
    result.message = end.message;
    if (!end.outputs.empty()) result.outputs = end.outputs;
  }
  if (what.effect == playbook::Effect::kChanges) stepped_at_ = tools_.clock.now();
  if (!report(report_of(ref, number, word, result, tools_.clock.steady_now() - begun))) return kStopped;
  note_outputs(ref, result);
  note_done(ref, number, word, result);
  return end;
}

void StepRunner::remember(StepRef ref, const BeforeState& before) {
  if (ref.role != StepRole::kStep) return;
  StepMemory& memory = memory_[ref.index];
  if (!memory.found) memory.found = before;
}

void StepRunner::note_outputs(StepRef ref, const ActionResult& result) {
  if (ref.role == StepRole::kUndo) return;
  for (const auto& [name, value] : result.outputs)
    values_[fmt::format("steps.{}.{}", step(ref).name, name)] = value;
}

void StepRunner::note_done(StepRef ref, std::size_t number, std::string_view word, const ActionResult& result) {
  if (ref.role != StepRole::kStep) return;
  const auto changed = result.outputs.find("changed");
  const std::string_view said = changed == result.outputs.end() ? std::string_view() : changed->second;
  StepMemory& memory = memory_[ref.index];
  const bool is_known =
      std::any_of(done_.begin(), done_.end(), [&](const DoneStep& done) { return done.index == ref.index; });
  if (!is_known && is_undoable(step(ref), memory, word, said, number))
    done_.push_back({ref.index, memory.found.value_or(BeforeState())});
  memory.has_changed |= said == "true";
}

/// What is known about a begun step whose outcome is not: kDone it happened, kFailed it did not (or may be repeated),
/// kHalt a human must look.
StepEnd StepRunner::find_out(StepRef ref, const BeforeState& before, WallTime intended_at,
                             const std::string& what_was) {
  const auto& what = step(ref);
  if (what.on_unknown == playbook::OnUnknown::kHalt)
    return {Kind::kHalt, std::string(words::kOutcomeUnknown), fmt::format("{}; on_unknown: halt", what_was)};
  if (what.on_unknown == playbook::OnUnknown::kUndo && ref.role == StepRole::kStep)
    return {Kind::kUndo, std::string(words::kOutcomeUnknown),
            fmt::format("step {}: {}; on_unknown: undo", what.name, what_was)};
  const ActionKind* action = find_action(what.kind);
  const bool is_harmless = what.restores || what.idempotence == playbook::Idempotence::kIdempotent;
  const bool may_rerun =
      what.effect == playbook::Effect::kReads || (what.on_unknown == playbook::OnUnknown::kRerun && is_harmless);
  ProbeAnswer answer{Probed::kUnknown, "nothing can be asked about this kind of step"};
  ActionScope scope = scope_of(ref);
  scope.asked_since = tools_.clock.steady_now();
  if (action != nullptr && action->probe != nullptr && !what.restores)
    answer = action->probe(scope, before, intended_at, stop_);
  if (stop_.stop_requested() && answer.probed == Probed::kUnknown) return kStopped;
  const std::string told = fmt::format("{}; {}", what_was, answer.message);
  if (answer.probed == Probed::kHappened) return {Kind::kDone, "happened", told, answer.outputs};
  if (answer.probed == Probed::kDidNotHappen) return {Kind::kFailed, "did_not_happen", told};
  if (may_rerun) return {Kind::kFailed, std::string(words::kRerun), fmt::format("{}; on_unknown: rerun", told)};
  // Verification asks whether the heal helped, which says nothing of an undo.
  if (ref.role != StepRole::kStep) return {Kind::kHalt, std::string(words::kOutcomeUnknown), told};
  StepEnd end = find_out_by_verification(intended_at, told);
  if (end.kind != Kind::kHalt || action == nullptr || action->probe == nullptr) return end;
  // What could not be asked may be there again by now: verification takes its time.
  answer = action->probe(scope, before, intended_at, stop_);
  if (answer.probed == Probed::kUnknown) return stop_.stop_requested() ? kStopped : end;
  const bool has_happened = answer.probed == Probed::kHappened;
  return {has_happened ? Kind::kDone : Kind::kFailed, has_happened ? "happened" : "did_not_happen",
          fmt::format("{}; asked again: {}", end.message, answer.message)};
}

/// Only what is newer than the step can speak for it.
StepEnd StepRunner::find_out_by_verification(WallTime intended_at, const std::string& told) {
  const VerifyOrder order{*order_.plan, *order_.world, order_.episodes, intended_at};
  const auto round = verify(order, tools_, nullptr, stop_);
  if (!round) return kStopped;
  const std::string message =
      fmt::format("{}; verification says {}: {}", told, to_string(round->answer), round->message);
  if (round->answer == Answer::kPass) return {Kind::kDone, "verified", message};
  return {Kind::kHalt, std::string(words::kOutcomeUnknown), message};
}

StepEnd StepRunner::settle(const HalfDone& half) {
  const BeforeState before = before_of(half.step.data);
  remember(half.ref, before);
  StepEnd end = find_out(half.ref, before, half.step.intended_at, "found without an outcome after a restart");
  if (end.kind == Kind::kStopping) return end;
  ActionResult result;
  result.reason = end.reason;
  result.message = end.message;
  result.outputs = end.outputs;
  const std::string_view word = word_of(half.ref, end.kind, end.reason);
  StepReport what = report_of(half.ref, half.attempt_try, word, result, Duration{});
  what.step_id = half.step.step_id;
  if (!report(what)) return kStopped;
  stepped_at_ = tools_.clock.now();
  note_outputs(half.ref, result);
  note_done(half.ref, half.attempt_try, word, result);
  return end;
}

StepReport StepRunner::report_of(StepRef ref, std::size_t number, std::string_view word, const ActionResult& result,
                                 Duration duration) const {
  StepReport report;
  report.name = step(ref).name;
  report.kind = step(ref).kind;
  report.role = ref.role;
  report.index = ref.index;
  report.step_id = make_step_id(order_.attempt, ref, report.name, number);
  report.outcome = word;
  report.result = result;
  report.duration = duration;
  return report;
}

bool StepRunner::report(const StepReport& what) {
  return insist(tools_.clock, stop_, [&] { return journal_.outcome(what); });
}

}  // namespace heal::remedy
