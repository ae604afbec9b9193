#include "tests/support/step_bench.h"

#include <fmt/format.h>

#include "common/base/check.h"

namespace heal::test {
namespace {

using remedy::ActionResult;

}  // namespace

StepBench::StepBench(const remedy::Tools& tools, const std::string& heal_yml, const std::string& file) : tools_(tools) {
  config::Diagnostics diagnostics;
  auto config = playbook::parse_heal_config("version: 1\n" + heal_yml, file, diagnostics);
  HEAL_CHECK(config.has_value(), diagnostics.render().c_str());
  world_->bundle.config = std::move(*config);
}

Result<playbook::Plan> StepBench::plan(const std::string& text) const {
  config::Diagnostics diagnostics;
  const std::string file = fmt::format("version: 1\nplaybook: p\nmode: auto\nsteps:\n  - {{name: s, {}}}\n", text);
  const auto book = playbook::parse_playbook(file, "p.yml", playbook::GuardSettings(), diagnostics);
  if (!book) return make_error(ErrorCode::kInvalid, "{}", diagnostics.render());
  playbook::PlanInput input;
  input.labels = labels_;
  input.target = target_;
  return playbook::make_plan(world_->bundle.config, *book, input);
}

std::string StepBench::refusal(const std::string& text) const {
  const auto planned = plan(text);
  return planned ? "planned" : planned.error().str();
}

remedy::ActionScope StepBench::scope_of(const playbook::PlannedStep& step) const {
  playbook::Scope values = plan_->scope;
  values.insert(outputs_.begin(), outputs_.end());
  remedy::ActionScope scope{*world_, tools_, *plan_, step, values, container_id_, newer_than_, "inc-1"};
  scope.step_key = step_key_;
  if (first_found_) scope.first_found = &*first_found_;
  return scope;
}

ActionResult StepBench::run(const std::string& text, Duration timeout) {
  auto planned = plan(text);
  if (!planned) return ActionResult::failed("not planned", planned.error().str());
  plan_ = std::move(*planned);
  const auto& step = plan_->steps.front();
  const remedy::ActionKind* kind = remedy::find_action(step.kind);
  HEAL_CHECK(kind != nullptr, "every kind can be done");
  before_.clear();
  begun_at_ = tools_.clock.now();
  first_found_.reset();
  return act(timeout);
}

ActionResult StepBench::try_again(Duration timeout) {
  HEAL_CHECK(plan_.has_value(), "a step ran before");
  if (!first_found_) first_found_ = before_;
  return act(timeout);
}

ActionResult StepBench::act(Duration timeout) {
  const auto& step = plan_->steps.front();
  const remedy::ActionKind* kind = remedy::find_action(step.kind);
  const auto scope = scope_of(step);
  if (kind->prepare != nullptr) {
    auto prepared = kind->prepare(scope, tools_.clock.deadline_in(timeout), {});
    if (!prepared) return ActionResult::failed("not begun", prepared.error().str());
    before_ = std::move(*prepared);
  }
  auto result = kind->run(scope, before_, tools_.clock.deadline_in(timeout), {});
  for (const auto& [name, value] : result.outputs)
    outputs_["steps.s." + name] = value;
  return result;
}

remedy::ProbeAnswer StepBench::probe() {
  HEAL_CHECK(plan_.has_value(), "a step ran before");
  const auto& step = plan_->steps.front();
  const remedy::ActionKind* kind = remedy::find_action(step.kind);
  if (kind->probe == nullptr) return {remedy::Probed::kUnknown, "it has no probe"};
  return kind->probe(scope_of(step), before_, begun_at_, {});
}

ActionResult StepBench::undo() {
  HEAL_CHECK(plan_.has_value() && !plan_->steps.front().undo.empty(), "a step with an undo ran before");
  const auto& step = plan_->steps.front().undo.front();
  const remedy::ActionKind* kind = remedy::find_action(step.kind);
  auto scope = scope_of(step);
  if (!step.restores) scope.step_key += "-undo";
  if (step.target == plan_->steps.front().target) {
    const auto id = before_.find("id");
    if (id != before_.end()) scope.undone_container_id = id->second;
  }
  const Deadline deadline = tools_.clock.deadline_in(step.timeout);
  if (step.restores) return kind->restore(scope, before_, deadline, {});
  remedy::BeforeState now;
  if (kind->prepare != nullptr) {
    auto prepared = kind->prepare(scope, deadline, {});
    if (!prepared) return ActionResult::failed("not begun", prepared.error().str());
    now = std::move(*prepared);
  }
  return kind->run(scope, now, deadline, {});
}

}  // namespace heal::test
