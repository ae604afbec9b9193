#include <utility>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

/// For putting the former container back, whatever is left of the step's time.
constexpr Duration kCleanUpTime = 20s;

/// The names of the two containers while one takes the other's place.
std::string new_name(const std::string& name) {
  return name + std::string(kNewSuffix);
}
std::string old_name(const std::string& name) {
  return name + std::string(kOldSuffix);
}

/// All labels but the mark of an exchange, short and comparable.
std::string labels_text(const ContainerInfo& container) {
  std::string text;
  for (const auto& [name, value] : container.labels) {
    if (name != kReplacesLabel) text += fmt::format("{}={}\n", name, value);
  }
  return sha256_hex(text);
}

/// One container taking the place of another.
class Exchange {
 public:
  Exchange(const ActionScope& scope, ContainerEngine& engine, const BeforeState& before, Deadline deadline,
           std::stop_token stop)
      : clock_(scope.tools.clock),
        engine_(engine),
        name_(target_of(scope).name),
        shown_(target_of(scope).str()),
        old_(value_of(before, "id")),
        replaced_(value_of(before, "started_at").empty() ? "" : value_of(before, "replaces")),
        was_up_(!is_at_rest(value_of(before, "status"))),
        grace_(scope.step.arguments.duration("grace")),
        deadline_(deadline),
        stop_(std::move(stop)) {}

  ActionResult run() {
    if (auto cleaned = clean_up(); !cleaned.has_value()) return ActionResult::of_error(cleaned.error());
    auto made = engine_.clone(old_, new_name(name_), deadline_, stop_);
    if (!made.has_value()) return ActionResult::of_error(std::move(made).error().with_context("create"));
    new_ = std::move(*made);
    if (auto stopped = engine_.stop(old_, grace_, deadline_, stop_); !stopped.has_value())
      return give_up(std::move(stopped).error().with_context("stop"));
    if (auto named = engine_.rename(old_, old_name(name_), deadline_, stop_); !named.has_value())
      return give_up(std::move(named).error().with_context("rename"));
    is_renamed_ = true;
    if (auto named = engine_.rename(new_, name_, deadline_, stop_); !named.has_value())
      return give_up(std::move(named).error().with_context("rename"));
    if (auto started = engine_.start(new_, deadline_, stop_); !started.has_value())
      return give_up_started(std::move(started).error().with_context("start"));
    return finish();
  }

 private:
  /// What a try before this one left half-done. Nothing is known by its name alone.
  Status clean_up() {
    auto fresh = engine_.inspect(new_name(name_), deadline_, stop_);
    if (fresh.has_value()) {
      if (fresh->status != "created" || label_value(fresh->labels, kReplacesLabel).empty())
        return make_error(ErrorCode::kConflict, "there is a container {} that was not made here", new_name(name_));
      HEAL_TRY_STATUS(engine_.remove(fresh->id, deadline_, stop_));
    } else if (fresh.error().code() != ErrorCode::kNotFound) {
      return std::move(fresh).error();
    }
    auto old = engine_.inspect(old_name(name_), deadline_, stop_);
    if (!old.has_value()) return old.error().code() == ErrorCode::kNotFound ? Status() : Status(std::move(old).error());
    if (old->id == old_) return engine_.rename(old_, name_, deadline_, stop_);
    if (old->id != replaced_ || !is_at_rest(old->status))
      return make_error(ErrorCode::kConflict,
                        "there is a container {} in whose place {} has not served: one of the two has to be removed",
                        old_name(name_), name_);
    return engine_.remove(old->id, deadline_, stop_);
  }

  /// Puts the old one back, when it is known that the new one cannot take its place.
  ActionResult give_up(const Error& error) {
    ActionResult result = ActionResult::of_later_error(error);
    if (result.kind == ActionResult::Kind::kUnknown) return result;
    if (auto back = put_back(); !back.has_value()) {
      result.reason = "half_done";
      result.message += fmt::format("; the former container could not be put back: {}", back.error().str());
    } else {
      result.message += "; the former container is back";
    }
    return result;
  }

  /// With the exit code that the engine keeps of a start that failed.
  ActionResult give_up_started(const Error& error) {
    const auto info = engine_.inspect(new_, clock_.deadline_in(kCleanUpTime), {});
    ActionResult result = give_up(error);
    if (info.has_value() && info->exit_code != 0) result.outputs["exit_code"] = fmt::format("{}", info->exit_code);
    return result;
  }

  /// In a time of its own, also when the service stops: nothing else would ever do it.
  Status put_back() {
    const Deadline end = clock_.deadline_in(kCleanUpTime);
    HEAL_TRY_STATUS(engine_.remove(new_, end, {}));
    if (is_renamed_) HEAL_TRY_STATUS(engine_.rename(old_, name_, end, {}));
    if (was_up_) HEAL_TRY_STATUS(engine_.start(old_, end, {}));
    return {};
  }

  ActionResult finish() {
    std::string message = fmt::format("{} was made anew", shown_);
    if (auto removed = engine_.remove(old_, deadline_, stop_); !removed.has_value())
      message += fmt::format("; the former container is still there as {}: {}", old_name(name_), removed.error().str());
    return ActionResult::done(std::move(message), {{"changed", "true"}, {"id", new_}, {"replaced", old_}});
  }

  Clock& clock_;
  ContainerEngine& engine_;
  const std::string name_, shown_, old_;
  const std::string replaced_;  // the one whose place `old_` has taken, and served in; "" for none
  const bool was_up_;           // also between two starts of a crash loop
  const Duration grace_;
  const Deadline deadline_;
  const std::stop_token stop_;
  std::string new_;
  bool is_renamed_ = false;
};

ActionResult recreate(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  return Exchange(scope, *target->engine, before, deadline, std::move(stop)).run();
}

/// The new one in the old one's place is like it, and is one that we may act on: nobody else's that took the name.
Status check_successor(const ActionScope& scope, const BeforeState& before, const ContainerInfo& info) {
  HEAL_TRY_STATUS(playbook::inventory_of_container(scope.world.bundle.config, target_of(scope), info.labels));
  if (info.image == value_of(before, "image") && labels_text(info) == value_of(before, "labels")) return {};
  return make_error(ErrorCode::kConflict, "another container has its name, with another image or other labels");
}

Result<BeforeState> prepare_recreate(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const DockerTarget target, docker_target(scope));
  HEAL_TRY(BeforeState before, prepare_docker(scope, deadline, stop));
  HEAL_TRY(const ContainerInfo info, target.engine->inspect(target.container, deadline, std::move(stop)));
  before["image"] = info.image;
  before["labels"] = labels_text(info);
  before["replaces"] = label_value(info.labels, kReplacesLabel);
  return before;
}

/// Done when a container that was made like it runs under the name; not done when the same one does, and nothing waits
/// to replace it.
ProbeAnswer probe_recreate(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return {Probed::kUnknown, target.error().str()};
  const std::string& name = target_of(scope).name;
  const auto look = [&](const std::string& container) {
    return target->engine->inspect(container, scope.tools.clock.deadline_in(kEngineLook), stop);
  };
  auto info = look(name);
  if (!info.has_value()) return {Probed::kUnknown, fmt::format("{}: {}", target->shown, info.error().str())};
  const bool is_same = info->id == value_of(before, "id");
  if (!is_same && info->running()) {
    const Status successor = check_successor(scope, before, *info);
    if (!successor.has_value())
      return {Probed::kUnknown, fmt::format("{}: {}", target->shown, successor.error().str())};
    const bool is_left = look(old_name(name)).has_value();
    return {Probed::kHappened,
            fmt::format("{} was made anew{}", target->shown,
                        is_left ? fmt::format("; the former container is still there as {}", old_name(name)) : ""),
            {{"changed", "true"}, {"id", info->id}, {"replaced", value_of(before, "id")}}};
  }
  const auto waiting = look(new_name(name));
  const bool is_idle = !waiting.has_value() && waiting.error().code() == ErrorCode::kNotFound;
  if (is_same && is_idle && info->status == value_of(before, "status"))
    return {Probed::kDidNotHappen, fmt::format("{} is {}, the same container as before", target->shown, info->status)};
  return {Probed::kUnknown, fmt::format("{} is {}, half-way between two containers", target->shown, info->status)};
}

}  // namespace

const ActionKind kDockerRecreate{"docker.recreate", prepare_recreate, recreate, probe_recreate};

}  // namespace heal::remedy
