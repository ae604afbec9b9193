#include "common/remedy/source/docker_tracker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/remedy/classify.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kCrashLoop = 3;
constexpr std::string_view kDie = "die";
constexpr std::string_view kHealth = "health_status";
constexpr std::string_view kStart = "start";
/// Between two looks at a container that is not started yet: an engine tells nobody that a start failed.
constexpr Duration kFirstLook = 200ms, kLastLook = 5s;

bool is_down(const ContainerInfo& info) {
  return info.status == "exited" || info.status == "dead" || info.status == "restarting";
}

std::string_view name_of(std::string_view what, const EventFacts& facts) {
  if (facts.type == words::kDeploymentType) return "ContainerDeploymentFailed";
  if (what == kHealth) return "ContainerUnhealthy";
  return facts.type == "TASK_STOPPED" ? "ContainerStopped" : "ContainerDied";
}

/// The name, and what of the facts routes can match.
void label_facts(SourceEvent& event, std::string_view what) {
  event.name = name_of(what, event.facts);
  event.labels.emplace(event_labels::kName, event.name);
  event.labels.emplace(event_labels::kType, event.facts.type);
  if (event.facts.exit_code) event.labels.emplace(event_labels::kExitCode, fmt::format("{}", *event.facts.exit_code));
}

}  // namespace

void DockerTracker::know(const Episode& episode) {
  const std::string id(label_value(episode.labels, event_labels::kContainerId));
  if (id.empty()) return;
  Tracked& known = containers_[id];
  const std::string_view what = label_value(episode.labels, event_labels::kEvent);
  (what == kHealth ? known.sick : known.open) = remedy::event_of(episode);
  if (what == kDie) known.last_death = episode.starts_at;
}

SourceEvent DockerTracker::event_of(const ContainerInfo& info, const std::string& group, std::string_view what,
                                    WallTime at) const {
  SourceEvent event;
  event.source = words::kDocker;
  event.key = fmt::format("docker:{}:{}:{}", info.id, what, format_rfc3339_nano(at));
  event.starts_at = at;
  event.target = TargetId{"container", engine_, info.name};
  event.facts.container_id = info.id;
  const auto label = [&](std::string_view name, std::string value) {
    if (!value.empty()) event.labels.emplace(name, std::move(value));
  };
  label(event_labels::kSource, event.source);
  label(event_labels::kEvent, std::string(what));
  label(event_labels::kEngine, engine_);
  label(event_labels::kContainer, info.name);
  label(event_labels::kContainerId, info.id);
  label(event_labels::kImage, info.image);
  label(event_labels::kGroup, group);
  return event;
}

SourceEvent DockerTracker::death_of(const ContainerInfo& info, const std::string& group, const ContainerHint& hint,
                                    WallTime now) const {
  const WallTime at = info.finished_at.value_or(now);
  SourceEvent event = event_of(info, group, kDie, at);
  // What runs again shows no exit code of the run before: only the event has told it.
  const auto exit_code = is_down(info) ? std::optional(info.exit_code) : hint.exit_code;
  const bool oom_killed = info.oom_killed || hint.oom_killed;
  event.facts.type = exit_code ? death_type(*exit_code, oom_killed) : "TASK_STOPPED";
  event.facts.exit_code = exit_code;
  event.facts.reason = exit_code ? death_reason(*exit_code, oom_killed, info.error)
                                 : "it ended and ran again before it was looked at: exit code unknown";
  if (info.finished_at) event.facts.failed_at = at;
  label_facts(event, kDie);
  return event;
}

void DockerTracker::look(const ContainerInfo& info, const std::string& group, const ContainerHint& hint, WallTime now,
                         SteadyTime steady) {
  Tracked& known = containers_[info.id];
  if (known.look_at && *known.look_at <= steady && !known.waiting) known.look_at.reset();
  if (info.status != "created" && known.unstarted_since) {
    known.unstarted_since.reset();
    known.look_at.reset();
  }
  if ((hint.was_healthy || info.health == "healthy") && is_made_since(info)) known.was_healthy = true;
  if (info.status == "created") {
    look_at_unstarted(known, info, group, now, steady);
  } else if (is_down(info)) {
    look_at_dead(known, info, group, hint, now, steady);
  } else if (info.status == "running") {
    look_at_living(known, info, group, hint, now, steady);
  }
  drop_if_idle(info.id);
}

/// The engine keeps why a start failed, and not when: the event has the time at which the container was made.
void DockerTracker::look_at_unstarted(Tracked& known, const ContainerInfo& info, const std::string& group, WallTime now,
                                      SteadyTime steady) {
  if (known.open || !is_made_since(info)) return;
  if (!known.unstarted_since) known.unstarted_since = steady;
  const Duration age = steady - *known.unstarted_since;
  const bool has_failed = !info.error.empty() || info.exit_code != 0;
  if (!has_failed && age < deploy_grace_) {
    known.look_at = steady + std::min(std::clamp<Duration>(age / 2, kFirstLook, kLastLook), deploy_grace_ - age);
    return;
  }
  SourceEvent event = event_of(info, group, kStart, info.created_at.value_or(now));
  event.facts.type = words::kDeploymentType;
  if (has_failed) event.facts.exit_code = info.exit_code;
  event.facts.reason = has_failed
                           ? "it could not be started: " + death_reason(info.exit_code, info.oom_killed, info.error)
                           : fmt::format("it was created, and not started for {}", format_duration(deploy_grace_));
  label_facts(event, kStart);
  fire(known, std::move(event));
}

SourceEvent DockerTracker::sickness_of(const Tracked& known, const ContainerInfo& info, const std::string& group,
                                       const ContainerHint& hint, WallTime now) const {
  SourceEvent event = event_of(info, group, kHealth, hint.unhealthy_at.value_or(now));
  const bool was_never_well = is_made_since(info) && !known.was_healthy;
  event.facts.type = was_never_well ? words::kDeploymentType : "HEALTH_CHECK_FAILURE";
  event.facts.reason = was_never_well ? "the container's own health check has not passed since it was made"
                                      : "the container's own health check fails";
  if (hint.unhealthy_at) event.facts.failed_at = hint.unhealthy_at;
  label_facts(event, kHealth);
  return event;
}

/// A death that has not been dealt with; those that Docker has healed a moment ago make it one of a loop.
void DockerTracker::note_death(Tracked& known, SourceEvent death, SteadyTime steady) {
  std::erase_if(known.recoveries, [&](SteadyTime at) { return steady - at > kSlowLoop; });
  if (!known.waiting) {
    known.waiting = std::move(death);
    known.deaths = known.recoveries.size();
    if (known.deaths > 0) known.waiting->labels.emplace(event_labels::kLoop, "slow");
  }
  ++known.deaths;
  known.run.reset();
}

bool DockerTracker::is_in_slow_loop(const Tracked& known) {
  return known.open && !label_value(known.open->labels, event_labels::kLoop).empty();
}

SourceEvent DockerTracker::trouble_of(Tracked& known) {
  SourceEvent trouble = std::move(*known.waiting);
  if (known.deaths > 1)
    trouble.facts.reason += fmt::format("; died {} times, restarted by Docker in between", known.deaths);
  return trouble;
}

void DockerTracker::look_at_dead(Tracked& known, const ContainerInfo& info, const std::string& group,
                                 const ContainerHint& hint, WallTime now, SteadyTime steady) {
  SourceEvent death = death_of(info, group, hint, now);
  const bool is_new = !known.last_death || death.starts_at > *known.last_death;
  const bool was_missed = death.starts_at > since_;
  const bool will_return = info.status == "restarting";
  if (is_new && (hint.died || was_missed)) {
    known.last_death = death.starts_at;
    if (known.open) {
      // It ran in between, unseen. While Docker goes on with it, that is the same trouble.
      if (will_return || label_value(known.open->labels, event_labels::kEvent) != kDie) return;
      end(known.open, "container_running", "it ran again in between", now);
    }
    note_death(known, std::move(death), steady);
    known.look_at = steady + restart_grace_;
    if (will_return && known.deaths < kCrashLoop) return;
  } else if (!known.waiting || (will_return && known.look_at && *known.look_at > steady)) {
    return;
  }
  fire(known, trouble_of(known));
}

void DockerTracker::look_at_living(Tracked& known, const ContainerInfo& info, const std::string& group,
                                   const ContainerHint& hint, WallTime now, SteadyTime steady) {
  if (known.sick && (info.health == "healthy" || info.health == "none"))
    end(known.sick, "container_healthy", "the container's health check passes again", now);
  const bool was_restarted = info.restart_count > 0 && info.finished_at.has_value();
  const bool is_new_death = was_restarted && (!known.last_death || *info.finished_at > *known.last_death);
  if (is_new_death && (hint.died || *info.finished_at > since_)) {
    known.last_death = info.finished_at;
    if (!known.open) note_death(known, death_of(info, group, hint, now), steady);
  }
  // The look that found the death came before the event that tells more of it.
  if (known.waiting && hint.exit_code && !known.waiting->facts.exit_code && known.last_death == info.finished_at) {
    SourceEvent death = death_of(info, group, hint, now);
    if (known.waiting->labels.contains(std::string(event_labels::kLoop)))
      death.labels.emplace(event_labels::kLoop, "slow");
    known.waiting = std::move(death);
  }
  const bool is_open_death = known.open && label_value(known.open->labels, event_labels::kEvent) == kDie;
  if (known.waiting || is_open_death) {
    // A run that Docker began must last; one that somebody began is what they wanted.
    if (was_restarted && known.run != info.started_at) {
      known.run = info.started_at;
      known.look_at = steady + (is_in_slow_loop(known) ? kSlowLoop : restart_grace_);
    }
    if (known.waiting && known.deaths >= kCrashLoop) {
      fire(known, trouble_of(known));
      if (is_in_slow_loop(known)) known.look_at = steady + kSlowLoop;
      return;
    }
    if (was_restarted && known.look_at && *known.look_at > steady) return;
    const std::string_view reason = was_restarted ? "healed_by_docker" : "container_running";
    std::string message = was_restarted ? "Docker's restart policy brought it back" : "the container was started again";
    known.look_at.reset();
    if (known.waiting) {
      SourceEvent over = std::move(*known.waiting);
      known.waiting.reset();
      known.deaths = 0;
      if (!was_restarted) return;  // a restart that was asked for: nothing failed
      known.recoveries.push_back(steady);
      over.kind = SourceEvent::Kind::kOver;
      over.ends_at = info.started_at.value_or(now);
      over.end_reason = reason;
      over.end_message = std::move(message);
      untold_.push_back(std::move(over));
      return;
    }
    end(known.open, reason, std::move(message), now);
  }
  if (known.open) end(known.open, "container_running", "the container was started", now);
  if (info.health != "unhealthy" || known.sick) return;
  known.sick = sickness_of(known, info, group, hint, now);
  untold_.push_back(*known.sick);
}

void DockerTracker::gone(const std::string& id, WallTime now) {
  forget(id, words::kContainerRemoved, "the container does not exist any more", now);
}

void DockerTracker::left_inventory(const std::string& id, WallTime now) {
  forget(id, words::kLeftInventory, "the container is no target any more", now);
}

void DockerTracker::forget(const std::string& id, std::string_view reason, const std::string& message, WallTime now) {
  auto it = containers_.find(id);
  if (it == containers_.end()) return;
  for (auto* trouble : {&it->second.open, &it->second.sick})
    if (*trouble) end(*trouble, reason, message, now);
  containers_.erase(it);
}

void DockerTracker::fire(Tracked& known, SourceEvent event) {
  known.waiting.reset();
  known.deaths = 0;
  known.recoveries.clear();
  known.look_at.reset();
  untold_.push_back(event);
  known.open = std::move(event);
}

void DockerTracker::end(std::optional<SourceEvent>& trouble, std::string_view reason, std::string message,
                        WallTime now) {
  SourceEvent over = std::move(*trouble);
  trouble.reset();
  over.kind = SourceEvent::Kind::kResolved;
  over.ends_at = now;
  over.end_reason = reason;
  over.end_message = std::move(message);
  untold_.push_back(std::move(over));
}

void DockerTracker::drop_if_idle(const std::string& id) {
  const Tracked& known = containers_.at(id);
  if (!known.open && !known.sick && !known.waiting && !known.last_death && !known.look_at && !known.was_healthy)
    containers_.erase(id);
}

std::vector<std::string> DockerTracker::due(SteadyTime now) const {
  std::vector<std::string> out;
  for (const auto& [id, known] : containers_) {
    if (known.look_at && *known.look_at <= now) out.push_back(id);
  }
  return out;
}

std::optional<SteadyTime> DockerTracker::next_due() const {
  std::optional<SteadyTime> first;
  for (const auto& [id, known] : containers_) {
    if (known.look_at && (!first || *known.look_at < *first)) first = known.look_at;
  }
  return first;
}

std::vector<std::string> DockerTracker::known() const {
  std::vector<std::string> out;
  for (const auto& [id, known] : containers_)
    out.push_back(id);
  return out;
}

void DockerTracker::told(std::size_t count) {
  untold_.erase(untold_.begin(), untold_.begin() + static_cast<std::ptrdiff_t>(std::min(count, untold_.size())));
}

}  // namespace heal::remedy
