#pragma once

#include <string>
#include <vector>

#include "common/rehearsal/case.h"
#include "common/rehearsal/observe.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {

/// What was decided about one recorded incident, and what would be decided today.
struct ReplayedIncident {
  std::string id, alert, target;
  WallTime at{};
  std::string then, now;                    ///< playbook and decisions; "not seen" when nothing begins today
  std::string playbook_then, playbook_now;  ///< "" for none
  bool acted_then = false, acted_now = false;
  std::string missing_engine;  ///< of its container, where heal.yml has none of this name: it was not played
  /// False of those, and when it hung on the container's group (in_flight, population): the record does not say who
  /// else is in it.
  bool can_be_told = true;

  /// With what another policy decides of the same trouble, instead of with the record.
  void compare_with(const ReplayedIncident& other) {
    then = other.now;
    playbook_then = other.playbook_now;
    acted_then = other.acted_now;
    can_be_told = can_be_told && other.can_be_told;
  }
  bool is_same() const { return then == now; }
  bool is_changed() const { return can_be_told && !is_same(); }
};

/// What is known of what would have mended the troubles.
enum class Mends {
  kAsRecorded,  ///< an action mends what one has mended, nothing else does
  kAnyAction,   ///< nobody acted, or nobody wrote it down: any start of the container does
};

/// The recorded incidents as a timeline for the engine. Assumed: each container was in the inventory unless the record
/// says that it was not; its trouble lasted until it was healed by an action (then any restart mends it), or until its
/// alerts resolved; that a container of which only an alert tells is of the only engine. What people asked for, what
/// schedules saw, and what is of none of the `engines` is left out. `began_at` is when the timeline begins.
rehearsal::TestCase replay_of(const std::vector<Story>& stories, Mends mends, const std::vector<std::string>& engines,
                              WallTime& began_at);

/// The record beside what came of the replay, oldest first.
std::vector<ReplayedIncident> compare_replay(const std::vector<Story>& stories, const std::vector<std::string>& engines,
                                             WallTime began_at, const std::vector<rehearsal::ObservedIncident>& seen);

}  // namespace heal::ctl
