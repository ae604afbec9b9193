#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/model/container.h"
#include "common/model/event.h"
#include "common/model/incident.h"

namespace heal::remedy {

/// What an engine told of a container since it was last looked at.
struct ContainerHint {
  bool died = false;
  bool oom_killed = false;
  std::optional<std::int64_t> exit_code;  ///< of the last death
  std::optional<WallTime> unhealthy_at;   ///< its health check gave it up
  bool was_healthy = false;               ///< its health check passed
};

/// Makes of what containers look like, again and again, what happened to them. The engine's events only say where to
/// look: what a container *is* decides, so that events that come twice, late or never change nothing. A container that
/// Docker's restart policy brings back is watched for `restart_grace`: well by then is healed by Docker; the third
/// death before that is a trouble, and so is the third within kSlowLoop. One that was made while we watched is a failed
/// deployment when it cannot be started, is not started for `deploy_grace`, or was never healthy when its health check
/// gives it up. One thread uses it. Pure.
class DockerTracker {
 public:
  /// Docker may heal a container twice within that; what dies once more is not healed by it.
  static constexpr Duration kSlowLoop = 10min;

  struct Patience {
    Duration restart_grace;  ///< for what Docker's restart policy brings back
    Duration deploy_grace;   ///< for what was made and is not started
  };

  /// `since`: what died or was made before that did so before anybody watched, and is not told.
  DockerTracker(std::string engine, Patience patience, WallTime since)
      : engine_(std::move(engine)),
        restart_grace_(patience.restart_grace),
        deploy_grace_(patience.deploy_grace),
        since_(since) {}

  /// An episode of this source that the store holds unresolved.
  void know(const Episode& episode);

  /// A container of the inventory as it is now; `group` as the inventory says.
  void look(const ContainerInfo& info, const std::string& group, const ContainerHint& hint, WallTime now,
            SteadyTime steady);
  /// A container that does not exist any more.
  void gone(const std::string& id, WallTime now);
  /// A container that is no target any more.
  void left_inventory(const std::string& id, WallTime now);

  /// Ids of containers that must be looked at again by now, and when the next one must.
  std::vector<std::string> due(SteadyTime now) const;
  std::optional<SteadyTime> next_due() const;
  /// Ids of all containers that something is known of: those that a list does not show are gone.
  std::vector<std::string> known() const;

  /// What is to be told, oldest first. It stays until told() takes the first `count` away.
  const std::vector<SourceEvent>& untold() const { return untold_; }
  void told(std::size_t count);

 private:
  struct Tracked {
    std::optional<SourceEvent> open;     ///< that it is dead or was never started: told, and not over
    std::optional<SourceEvent> sick;     ///< that its health check fails: told, and not over, whether it runs or not
    std::optional<SourceEvent> waiting;  ///< the death that Docker may heal by itself
    std::optional<WallTime> last_death;  ///< that was dealt with
    std::size_t deaths = 0;              ///< of `waiting`
    std::vector<SteadyTime> recoveries;  ///< when Docker had healed it, within kSlowLoop
    std::optional<WallTime> run;         ///< started_at of the run that is being watched
    std::optional<SteadyTime> look_at;
    std::optional<SteadyTime> unstarted_since;  ///< when it was first seen that it was made and not started
    bool was_healthy = false;                   ///< of those made since we watch: known to have been deployed well
  };

  SourceEvent event_of(const ContainerInfo& info, const std::string& group, std::string_view what, WallTime at) const;
  SourceEvent death_of(const ContainerInfo& info, const std::string& group, const ContainerHint& hint,
                       WallTime now) const;
  static bool is_in_slow_loop(const Tracked& known);
  static SourceEvent trouble_of(Tracked& known);
  static void note_death(Tracked& known, SourceEvent death, SteadyTime steady);
  void look_at_dead(Tracked& known, const ContainerInfo& info, const std::string& group, const ContainerHint& hint,
                    WallTime now, SteadyTime steady);
  void look_at_living(Tracked& known, const ContainerInfo& info, const std::string& group, const ContainerHint& hint,
                      WallTime now, SteadyTime steady);
  void look_at_unstarted(Tracked& known, const ContainerInfo& info, const std::string& group, WallTime now,
                         SteadyTime steady);
  /// Its own health check has given it up.
  SourceEvent sickness_of(const Tracked& known, const ContainerInfo& info, const std::string& group,
                          const ContainerHint& hint, WallTime now) const;
  bool is_made_since(const ContainerInfo& info) const { return info.created_at && *info.created_at > since_; }
  void fire(Tracked& known, SourceEvent event);
  void end(std::optional<SourceEvent>& trouble, std::string_view reason, std::string message, WallTime now);
  void forget(const std::string& id, std::string_view reason, const std::string& message, WallTime now);
  void drop_if_idle(const std::string& id);

  const std::string engine_;
  const Duration restart_grace_, deploy_grace_;
  const WallTime since_;
  std::map<std::string, Tracked> containers_;  // by id
  std::vector<SourceEvent> untold_;
};

}  // namespace heal::remedy
