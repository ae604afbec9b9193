#include "common/remedy/investigate.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/remedy/action/docker.h"
#include "common/remedy/classify.h"
#include "common/remedy/evidence.h"
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
    const auto& config = dossier_.world->bundle.config;
    dossier_.lever_file = read_lever_file(config.safety.lever.file, config.file);
    if (const Status admitted = store.admits(); !admitted.has_value())
      dossier_.store_objection = admitted.error().message();
  }

  Dossier run() {
    if (!case_.incident.target) {
      dossier_.obstacle = obstacle(IncidentEvent::kUnmatched, words::kRouteStage, "no_target", "there is no target");
      dossier_.ready_at = tools_.clock.steady_now();
      return std::move(dossier_);
    }
    if (look_at_target() && find_in_inventory() && make_plan()) {
      ask_about_alerts();
      ask_whether_still_bad();
      ask_before();
      ask_blocking_alerts();
      ask_population();
    }
    classify();
    look_at_first_step();
    dossier_.ready_at = tools_.clock.steady_now();
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
    if (info.error().code() == ErrorCode::kRefused) return refused_container(info.error());
    return stop_at(obstacle(IncidentEvent::kHold, words::kInventoryStage, "engine_unavailable",
                            fmt::format("cannot look at {}: {}", target().str(), info.error().str())));
  }

  /// The filter before the engine does not let us see it: what it may not show us, we may not heal.
  bool refused_container(const Error& error) {
    const bool is_listed = playbook::find_target(world().bundle.config, target()) != nullptr;
    return stop_at(obstacle(is_listed ? IncidentEvent::kRefuse : IncidentEvent::kUnmatched, words::kInventoryStage,
                            is_listed ? "engine_refused" : "not_in_inventory",
                            fmt::format("{}: {}", target().str(), error.str())));
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
    const auto book = find_playbook();
    if (book == nullptr) {
      return stop_at(obstacle(IncidentEvent::kRefuse, words::kPlanStage, "unknown_playbook",
                              fmt::format("there is no playbook \"{}\"", case_.incident.playbook)));
    }
    playbook::PlanInput input;
    input.params = params_of(*book);
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
    dossier_.playbook = book;
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

  /// The playbook as it is, or as it was when the incident's steps began.
  std::shared_ptr<const playbook::Playbook> find_playbook() {
    const playbook::Playbook* now = world().bundle.find_playbook(case_.incident.playbook);
    const std::string& version = case_.progress.playbook_version;
    const bool is_same = now != nullptr && (version.empty() || sha256_hex(now->text) == version);
    if (is_same) return {dossier_.world, now};
    if (version.empty()) return nullptr;
    const auto text = store_.value(playbook_key(version));
    if (!text.has_value() || !*text) return now == nullptr ? nullptr : std::make_shared<playbook::Playbook>(*now);
    config::Diagnostics ignored;
    auto then = playbook::parse_playbook(**text, "an earlier version", world().bundle.config.guards, ignored);
    return then ? std::make_shared<playbook::Playbook>(std::move(*then)) : nullptr;
  }

  /// A further rung of the ladder takes those of the first playbook's params that it declares.
  playbook::Params params_of(const playbook::Playbook& book) const {
    playbook::Params params = case_.progress.params;
    if (!case_.progress.ladder || case_.progress.ladder->next == 0) return params;
    std::erase_if(params, [&](const auto& param) {
      return std::none_of(book.params.begin(), book.params.end(),
                          [&](const auto& spec) { return spec.name == param.first; });
    });
    return params;
  }

  void ask_about_alerts() {
    const auto& guard = dossier_.plan->guards.fresh_evidence;
    if (guard.state == playbook::GuardSwitch::kOff) return;
    const EvidenceScope scope{world(), tools_, dossier_.container, entry_};
    std::vector<Episode> alerts;
    for (const Episode& episode : case_.episodes) {
      if (episode.source == words::kAlertmanager) {
        alerts.push_back(episode);
        continue;
      }
      auto answer = ask_source(episode, scope, tools_.clock.deadline_in(guard.timeout), stop_);
      if (answer) dossier_.alerts.push_back(std::move(*answer));
    }
    if (alerts.empty() || world().alertmanagers.empty()) return;
    auto answers = ask_alertmanagers(world(), alerts, tools_.clock.deadline_in(guard.timeout), stop_);
    std::move(answers.begin(), answers.end(), std::back_inserter(dossier_.alerts));
  }

  /// A target that was dead when the heal failed, and still is, is not well, whatever has resolved meanwhile.
  /// Docker's own evidence of a death ends as soon as our steps have started the container again; whether they helped
  /// is what verification says.
  void ask_whether_still_bad() {
    const auto& ladder = case_.progress.ladder;
    const bool is_further_rung = ladder && ladder->next > 0;
    const auto& container = dossier_.container;
    if (is_further_rung && case_.progress.has_died && container && has_ended_badly(*container)) {
      dossier_.still_bad = VerifyRound{Answer::kFail,
                                       fmt::format("{} is dead with exit code {}, and steps of this incident had "
                                                   "started it",
                                                   target().str(), container->exit_code),
                                       {}};
      return;
    }
    if (!is_further_rung || !case_.episodes.empty() || case_.origin.source != words::kDocker) return;
    const auto verification = verification_of(*dossier_.plan);
    if (!verification) return;
    dossier_.still_bad = verify_plan_once(*verification, {*dossier_.plan, world(), {}, std::nullopt}, tools_, stop_);
  }

  void ask_before() {
    const CheckScope scope{world(), tools_, case_.episodes, std::nullopt};
    for (const auto& check : dossier_.plan->before) {
      const Deadline deadline = tools_.clock.deadline_in(dossier_.plan->guards.fresh_evidence.timeout);
      dossier_.before.push_back({check, ask(check, scope, deadline, stop_)});
    }
  }

  void ask_blocking_alerts() {
    const auto& guard = dossier_.plan->guards.blocking_alerts;
    if (guard.state == playbook::GuardSwitch::kOff || guard.any.empty()) return;
    dossier_.blocking = ask_active_alerts(world(), guard.any, tools_.clock.deadline_in(guard.timeout), stop_);
  }

  void ask_population() {
    const auto& guard = dossier_.plan->guards.population;
    const std::string& group = dossier_.plan->population_group;
    if (guard.state == playbook::GuardSwitch::kOff || group.empty()) return;
    dossier_.population = remedy::ask_population(world(), tools_, group, target(), guard.timeout, stop_);
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
    dossier_.exit_code = result.exit_code;
    dossier_.failure_reason = result.reason;
    dossier_.drill = result.drill;
  }

  /// Of the steps that look before they act, only those that ask the engine again are looked at here: it has just
  /// answered.
  void look_at_first_step() {
    const auto& plan = dossier_.plan;
    if (dossier_.obstacle || !plan || plan->mode == playbook::Mode::kShadow || plan->steps.empty()) return;
    const auto& step = plan->steps.front();
    const ActionKind* action = find_action(step.kind);
    if (action == nullptr || step.restores) return;
    if (playbook::evaluate(step.when, plan->scope).truth != playbook::Truth::kTrue) return;
    FirstLook look;
    if (action->prepare != nullptr) {
      if (action->prepare != prepare_docker) return;
      const std::string id = dossier_.container ? dossier_.container->id : case_.progress.container_id;
      const ActionScope scope{world(), tools_, *plan, step, plan->scope, id, std::nullopt, case_.incident.id};
      auto before = prepare_docker(scope, tools_.clock.deadline_in(kEngineTimeout), stop_);
      if (!before.has_value()) return;
      look.before = std::move(*before);
    }
    dossier_.first_look = std::move(look);
  }

  const Case& case_;
  const Tools& tools_;
  Store& store_;
  const std::stop_token stop_;
  playbook::InventoryTarget entry_;
  Dossier dossier_;
};

}  // namespace

std::string playbook_key(const std::string& version) {
  return "playbook/" + version;
}

Dossier investigate(const Case& subject, std::shared_ptr<const World> world, const Tools& tools, Store& store,
                    std::stop_token stop) {
  return Investigation(subject, std::move(world), tools, store, std::move(stop)).run();
}

}  // namespace heal::remedy
