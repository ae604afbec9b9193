#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/model/container.h"

namespace heal::exporter {

/// What has happened to one container since the watch began.
struct ContainerCounts {
  std::map<std::string, std::uint64_t>
      deaths;  ///< by exit code; `unknown`: nobody saw it, and the container runs again
  std::uint64_t oom_kills = 0;
  std::uint64_t became_healthy = 0, became_unhealthy = 0;
  std::optional<WallTime> last_death;

  bool operator==(const ContainerCounts&) const = default;
};

/// Counts what happens to the containers of one engine, each death once: from the engine's events, which may come again
/// after a reconnection, and from looks at the containers, which find what no event has told (the engine keeps 256 of
/// them, and none over its own restart). One thread at a time uses it. Pure.
class DockerTally {
 public:
  /// Nothing that happened before `begin` is counted.
  explicit DockerTally(WallTime begin) : begin_(begin), newest_(begin) {}

  /// One event of a container that is watched. True when the container should be looked at because of it.
  bool take(const ContainerEvent& event, SteadyTime now);
  /// The watched containers as they were at `looked_at`. A death without an event counts when it has none in kSettle.
  void look(const std::vector<ContainerInfo>& containers, WallTime looked_at, SteadyTime now);
  /// From when on events are to be asked for: those that come twice are known.
  WallTime since() const;

  bool knows(const std::string& id) const { return lives_.contains(id); }
  /// By container name. One that is gone is kept for kKeepGone.
  const std::map<std::string, ContainerCounts>& counts() const { return counts_; }

  static constexpr Duration kSettle = 2s;
  static constexpr Duration kKeepGone = 10min;

 private:
  /// A finish that a look has shown and no event has told so far.
  struct Unexplained {
    WallTime finished{};
    SteadyTime found{};
  };
  /// A death that was counted without an event: the event of it lies in between.
  struct Settled {
    WallTime finished{}, looked_at{};
  };
  struct Life {
    std::string name;
    std::optional<WallTime> last_death;
    std::optional<Unexplained> unexplained;
    std::optional<Settled> settled;
    SteadyTime seen{};
  };
  using Key = std::tuple<WallTime, std::string, std::string>;

  bool is_new(const ContainerEvent& event);
  void take_death(const ContainerEvent& event, ContainerCounts& counts);
  void look_at(const ContainerInfo& info, WallTime looked_at, SteadyTime now);
  static void count_death(ContainerCounts& counts, WallTime at, std::optional<std::int64_t> exit_code);
  void forget(SteadyTime now);

  const WallTime begin_;
  WallTime newest_;
  std::set<Key> known_;
  std::deque<Key> known_in_order_;
  std::map<std::string, Life> lives_;  // by id
  std::map<std::string, ContainerCounts> counts_;
};

}  // namespace heal::exporter
