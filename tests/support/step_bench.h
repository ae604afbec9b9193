#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/remedy/action/action.h"

namespace heal::test {

/// Runs single steps of playbooks as the step runner does, without its journal: plan, prepare, act; then asks whether
/// they happened, and undoes them. Engines and Alertmanagers are put into world().
class StepBench {
 public:
  /// The ports in `tools` must outlive it. `heal_yml` may leave out `version: 1`.
  StepBench(const remedy::Tools& tools, const std::string& heal_yml, const std::string& file = "heal.yml");

  remedy::World& world() { return *world_; }
  /// The event and the target of the plans from now on; the target is container/local/web otherwise.
  void set_labels(Labels labels) { labels_ = std::move(labels); }
  void set_target(playbook::InventoryTarget target) { target_ = std::move(target); }
  /// The identity by which the incident's container is acted on.
  void set_container_id(std::string id) { container_id_ = std::move(id); }

  /// PromQL samples that were scraped at or before this do not count from now on.
  void set_newer_than(WallTime time) { newer_than_ = time; }
  /// Which of the incident's steps it is from now on.
  void set_step_key(std::string key) { step_key_ = std::move(key); }

  /// A plan of one step, `s`: `text` is its kind and arguments in flow style, as `docker.pause: {}`, and what else
  /// stands in a step, after commas.
  Result<playbook::Plan> plan(const std::string& text) const;
  /// Why there is no such plan; "planned" when there is.
  std::string refusal(const std::string& text) const;
  /// Plans and runs it; what keeps it from being planned or begun is a failure with reason "not planned" or "not
  /// begun".
  remedy::ActionResult run(const std::string& text, Duration timeout = 30s);
  /// A further try of the step that ran last.
  remedy::ActionResult try_again(Duration timeout = 30s);
  /// Of the step that ran last.
  remedy::ProbeAnswer probe();
  remedy::ActionResult undo();
  const remedy::BeforeState& before() const { return before_; }
  WallTime begun_at() const { return begun_at_; }

 private:
  remedy::ActionResult act(Duration timeout);
  remedy::ActionScope scope_of(const playbook::PlannedStep& step) const;

  const remedy::Tools& tools_;
  std::shared_ptr<remedy::World> world_ = std::make_shared<remedy::World>();
  Labels labels_;
  playbook::InventoryTarget target_{{"container", "local", "web"}, "", {}, std::nullopt, playbook::Simulate::kRefuse};
  std::string container_id_;
  std::optional<WallTime> newer_than_;
  std::string step_key_ = "1/0/s";
  std::optional<playbook::Plan> plan_;
  remedy::BeforeState before_;
  std::optional<remedy::BeforeState> first_found_;  // before the first of several tries
  playbook::Scope outputs_;
  WallTime begun_at_{};
};

}  // namespace heal::test
