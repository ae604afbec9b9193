#include "common/remedy/evidence.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/source/docker_tracker.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

/// One that Docker brings back again and again runs at most times; only a run that lasts ends that trouble.
bool is_in_loop(const Episode& episode, const ContainerInfo& container, WallTime now) {
  return !label_value(episode.labels, event_labels::kLoop).empty() && container.restart_count > 0 &&
         container.started_at && now - *container.started_at < DockerTracker::kSlowLoop;
}

AlertAnswer ask_engine(const Episode& episode, const std::optional<ContainerInfo>& container, WallTime now) {
  const std::string name = printable(episode.name);
  if (!container) return {AlertStanding::kUnknown, fmt::format("{}: the container was not looked at", name)};
  const std::string is = fmt::format("container {} is {}", container->name, container->status);
  if (label_value(episode.labels, event_labels::kContainerId) != container->id)
    return {AlertStanding::kGone, fmt::format("{}: container {} was made anew", name, container->name)};
  const bool is_alive = container->running() || container->status == "paused";
  if (!is_alive) return {AlertStanding::kActive, fmt::format("{}: {}", name, is)};
  if (is_in_loop(episode, *container, now))
    return {AlertStanding::kActive, fmt::format("{}: {}, and dies again and again", name, is)};
  if (label_value(episode.labels, event_labels::kEvent) != "health_status")
    return {AlertStanding::kGone, fmt::format("{}: {} again", name, is)};
  const bool is_unhealthy = container->health == "unhealthy";
  return {is_unhealthy ? AlertStanding::kActive : AlertStanding::kGone,
          fmt::format("{}: {} and {}", name, is, container->health)};
}

AlertAnswer ask_schedule(const Episode& episode, const EvidenceScope& scope, Deadline deadline, std::stop_token stop) {
  const auto& config = scope.world.bundle.config;
  const auto name = label_value(episode.labels, event_labels::kSchedule);
  const auto it = std::find_if(config.schedules.begin(), config.schedules.end(),
                               [&](const playbook::Schedule& schedule) { return schedule.name == name; });
  if (it == config.schedules.end())
    return {AlertStanding::kGone, fmt::format("schedule {} is no longer in heal.yml", printable(name))};
  const auto check = playbook::plan_schedule_check(config, *it, scope.target);
  if (!check.has_value())
    return {AlertStanding::kUnknown, fmt::format("schedule {}: {}", it->name, check.error().str())};
  const CheckScope asked{scope.world, scope.tools, {}, std::nullopt};
  const CheckResult result = ask(*check, asked, deadline, std::move(stop));
  const std::string message = fmt::format("schedule {}: {}", it->name, result.message);
  if (result.answer == Answer::kUnknown) return {AlertStanding::kUnknown, message};
  const bool heals_when_failing = it->heals_when == playbook::Schedule::HealsWhen::kFailing;
  const bool is_trouble = (result.answer == Answer::kFail) == heals_when_failing;
  return {is_trouble ? AlertStanding::kActive : AlertStanding::kGone, message};
}

}  // namespace

std::optional<AlertAnswer> ask_source(const Episode& episode, const EvidenceScope& scope, Deadline deadline,
                                      std::stop_token stop) {
  if (episode.source == words::kDocker) return ask_engine(episode, scope.container, scope.tools.clock.now());
  if (episode.source == words::kSchedule) return ask_schedule(episode, scope, deadline, std::move(stop));
  if (words::is_told_only(episode.source)) {
    return AlertAnswer{AlertStanding::kUnaskable, fmt::format("{}: {} cannot be asked whether it is still so",
                                                              printable(episode.name), episode.source)};
  }
  return std::nullopt;
}

}  // namespace heal::remedy
