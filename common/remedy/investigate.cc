#include "common/remedy/investigate.h"

#include <utility>

#include <fmt/format.h>

#include "common/remedy/classify.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr Duration kEngineTimeout = 5s;

Obstacle obstacle(IncidentEvent event, std::string_view stage, std::string_view reason, std::string message) {
  return {event, std::string(stage), std::string(reason), std::move(message)};
}

/// One investigation; each step fills in the dossier or leaves an obstacle, which ends it.
class Investigation {
 public:
  Investigation(const Case& subject, std::shared_ptr<const World> world, const Tools& tools, Store& store,
                std::stop_token stop)
      : case_(subject), tools_(tools), store_(store), stop_(std::move(stop)) {
    dossier_.world = std::move(world);
    dossier_.gathered_at = tools.clock.now();
  }

  Dossier run() {
    if (!case_.incident.target) {
      dossier_.obstacle = obstacle(IncidentEvent::kUnmatched, words::kRouteStage, "no_target", "there is no target");
      return std::move(dossier_);
    }
    if (look_at_target() && find_in_inventory() && make_plan()) {
      ask_about_alerts();
      ask_before();
    }
    classify();
    return std::move(dossier_);
  }

 private:
  const TargetId& target() const { return *case_.incident.target; }
  const World& world() const { return *dossier_.world; }

  bool stop_at(Obstacle what) {
    dossier_.obstacle = std::move(what);
    return false;
  }

  bool look_at_target() {
    if (target().kind != "container") return true;
    ContainerEngine* engine = world().engine(target().engine);
    if (engine == nullptr) {
      return stop_at(obstacle(IncidentEvent::kUnmatched, words::kInventoryStage, "unknown_engine",
                              fmt::format("heal.yml names no engine \"{}\"", target().engine)));
    }
    auto info = engine->inspect(target().name, tools_.clock.deadline_in(kEngineTimeout), stop_);
    if (info.has_value() && info->name == target().name) {
      dossier_.container = std::move(*info);
      return true;
    }
    if (info.has_value()) {
      return stop_at(
          obstacle(IncidentEvent::kUnmatched, words::kInventoryStage, "not_in_inventory",
                   fmt::format("{} is not the name of a container (it leads to {})", target().str(), info->name)));
    }
    if (info.error().code() == ErrorCode::kNotFound) return missing_container(info.error());
    return stop_at(obstacle(IncidentEvent::kHold, words::kInventoryStage, "engine_unavailable",
                            fmt::format("cannot look at {}: {}", target().str(), info.error().str())));
  }

  bool missing_container(const Error& error) {
    auto entry = playbook::inventory_of_container(world().bundle.config, target(), {});
    if (!entry.has_value()) {
      return stop_at(obstacle(IncidentEvent::kUnmatched, words::kInventoryStage, "not_in_inventory",
                              fmt::format("{}: {}", error.str(), entry.error().str())));
    }
    return stop_at(obstacle(IncidentEvent::kRefuse, words::kInventoryStage, "target_missing",
                            fmt::format("{} does not exist: {}", target().str(), error.str())));
  }

  bool find_in_inventory() {
    const auto& config = world().bundle.config;
    auto entry = dossier_.container ? playbook::inventory_of_container(config, target(), dossier_.container->labels)
                                    : playbook::inventory_of(config, target());
    if (entry.has_value()) {
      entry_ = std::move(*entry);
      return true;
    }
    const bool is_refused = entry.error().code() == ErrorCode::kRefused;
    return stop_at(obstacle(IncidentEvent::kUnmatched, words::kInventoryStage,
                            is_refused ? "not_in_inventory" : "inventory_invalid", entry.error().str()));
  }

  bool make_plan() {
    const playbook::Playbook* book = world().bundle.find_playbook(case_.incident.playbook);
    if (book == nullptr) {
      return stop_at(obstacle(IncidentEvent::kRefuse, words::kPlanStage, "unknown_playbook",
                              fmt::format("there is no playbook \"{}\"", case_.incident.playbook)));
    }
    playbook::PlanInput input;
    input.params = case_.progress.params;
    input.target = entry_;
    if (case_.origin.source != words::kManual) {
      input.labels = case_.origin.labels;
      input.annotations = case_.origin.annotations;
    }
    for (const TargetId& other : playbook::other_targets(*book, input)) {
      if (!look_at_other(other, input)) return false;
    }
    auto plan = playbook::make_plan(world().bundle.config, *book, input);
    if (!plan.has_value()) {
      return stop_at(obstacle(IncidentEvent::kRefuse, words::kPlanStage, "plan_invalid",
                              fmt::format("no plan can be made: {}", plan.error().str())));
    }
    dossier_.plan = std::make_shared<const playbook::Plan>(std::move(*plan));
    return true;
  }

  /// A container's labels are inventory too. What is not there or not labelled is left to the planner to refuse.
  bool look_at_other(const TargetId& other, playbook::PlanInput& input) {
    if (other.kind != "container") return true;
    ContainerEngine* engine = world().engine(other.engine);
    if (engine == nullptr) return true;
    const auto info = engine->inspect(other.name, tools_.clock.deadline_in(kEngineTimeout), stop_);
    if (!info.has_value() && info.error().code() != ErrorCode::kNotFound) {
      return stop_at(obstacle(IncidentEvent::kHold, words::kInventoryStage, "engine_unavailable",
                              fmt::format("cannot look at {}: {}", other.str(), info.error().str())));
    }
    if (!info.has_value() || info->name != other.name) return true;
    auto entry = playbook::inventory_of_container(world().bundle.config, other, info->labels);
    if (entry.has_value()) input.others.emplace(other.str(), std::move(*entry));
    return true;
  }

  void ask_about_alerts() {
    const auto& guard = dossier_.plan->guards.fresh_evidence;
    if (guard.state == playbook::GuardSwitch::kOff || world().alertmanagers.empty()) return;
    for (const Episode& episode : case_.episodes) {
      if (episode.source != words::kAlertmanager) continue;
      const Deadline deadline = tools_.clock.deadline_in(guard.timeout);
      dossier_.alerts.push_back(ask_alertmanagers(world(), episode, deadline, stop_));
    }
  }

  void ask_before() {
    const CheckScope scope{world(), tools_, case_.episodes, std::nullopt};
    for (const auto& check : dossier_.plan->before) {
      const Deadline deadline = tools_.clock.deadline_in(dossier_.plan->guards.fresh_evidence.timeout);
      dossier_.before.push_back({check, ask(check, scope, deadline, stop_)});
    }
  }

  void classify() {
    Clues clues;
    clues.is_manual = case_.origin.source == words::kManual;
    clues.container = dossier_.container;
    for (const auto& before : dossier_.before) {
      if (before.check.kind == playbook::Check::Kind::kHealth) clues.health = before.result.answer;
    }
    if (!clues.health && entry_.health && dossier_.container &&
        (dossier_.container->running() || dossier_.container->status == "paused")) {
      clues.health = ask_health(*entry_.health, tools_, tools_.clock.deadline_in(kEngineTimeout), stop_).answer;
    }
    if (auto leases = store_.leases(); leases.has_value()) {
      for (const auto& lease : *leases) {
        if (lease.target == target() && lease.injected_at <= dossier_.gathered_at) clues.leases.push_back(lease);
      }
    }
    clues.detected_at = case_.incident.times.detected_at.value_or(dossier_.gathered_at);
    const Classification result = remedy::classify(clues);
    dossier_.type = result.type;
    dossier_.failed_at = result.failed_at;
  }

  const Case& case_;
  const Tools& tools_;
  Store& store_;
  const std::stop_token stop_;
  playbook::InventoryTarget entry_;
  Dossier dossier_;
};

}  // namespace

Dossier investigate(const Case& subject, std::shared_ptr<const World> world, const Tools& tools, Store& store,
                    std::stop_token stop) {
  return Investigation(subject, std::move(world), tools, store, std::move(stop)).run();
}

}  // namespace heal::remedy
