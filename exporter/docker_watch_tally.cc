#include "exporter/docker_watch_tally.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::exporter {
namespace {

/// More than an engine keeps (256): none that comes again is taken for new.
constexpr std::size_t kMostKnown = 1024;
/// Events are stamped before they are put in order, so one may come after a younger one.
constexpr Duration kDisorder = 5s;
constexpr std::size_t kMostExitCodes = 64;
/// Two processes of one machine stamp an end and its event.
constexpr Duration kClockSlack = 100ms;

bool is_of_interest(const std::string& action) {
  return action == "die" || action == "oom" || action == "start" || action == "pause" || action == "unpause" ||
         action == "destroy" || action == "rename" || action.starts_with("health_status");
}

bool is_dead(const ContainerInfo& info) {
  return info.status == "exited" || info.status == "dead" || info.status == "restarting";
}

}  // namespace

WallTime DockerTally::since() const {
  return std::max(begin_, newest_ - kDisorder);
}

bool DockerTally::is_new(const ContainerEvent& event) {
  Key key(event.at, event.id, event.action);
  if (!known_.insert(key).second) return false;
  known_in_order_.push_back(std::move(key));
  if (known_in_order_.size() > kMostKnown) {
    known_.erase(known_in_order_.front());
    known_in_order_.pop_front();
  }
  return true;
}

bool DockerTally::take(const ContainerEvent& event, SteadyTime now) {
  if (event.at < begin_ || !is_of_interest(event.action) || !is_new(event)) return false;
  newest_ = std::max(newest_, event.at);
  Life& life = lives_[event.id];
  life.name = event.name;
  life.seen = now;
  ContainerCounts& counts = counts_[event.name];
  if (event.action == "die") take_death(event, counts);
  if (event.action == "oom") counts.oom_kills += 1;
  if (event.action == "health_status: healthy") counts.became_healthy += 1;
  if (event.action == "health_status: unhealthy") counts.became_unhealthy += 1;
  return true;
}

void DockerTally::take_death(const ContainerEvent& event, ContainerCounts& counts) {
  Life& life = lives_[event.id];
  const bool is_counted =
      life.settled && event.at + kClockSlack >= life.settled->finished && event.at <= life.settled->looked_at;
  life.last_death = std::max(life.last_death.value_or(event.at), event.at);
  if (is_counted) return;
  count_death(counts, event.at, parse_int(label_value(event.attributes, "exitCode")));
}

void DockerTally::count_death(ContainerCounts& counts, WallTime at, std::optional<std::int64_t> exit_code) {
  std::string code = exit_code ? fmt::format("{}", *exit_code) : "unknown";
  if (counts.deaths.size() >= kMostExitCodes && !counts.deaths.contains(code)) code = "unknown";
  counts.deaths[code] += 1;
  counts.last_death = std::max(counts.last_death.value_or(at), at);
}

void DockerTally::look(const std::vector<ContainerInfo>& containers, WallTime looked_at, SteadyTime now) {
  for (const ContainerInfo& info : containers)
    look_at(info, looked_at, now);
  forget(now);
}

void DockerTally::look_at(const ContainerInfo& info, WallTime looked_at, SteadyTime now) {
  Life& life = lives_[info.id];
  life.name = info.name;
  life.seen = now;
  ContainerCounts& counts = counts_[info.name];
  if (!info.finished_at || *info.finished_at < begin_) return;
  const WallTime finished = *info.finished_at;
  // The engine stamps the event behind the end of the process and before the next start.
  if (life.last_death && *life.last_death + kClockSlack >= finished) return life.unexplained.reset();
  if (!life.unexplained || life.unexplained->finished != finished) {
    life.unexplained = Unexplained{finished, now};
    return;
  }
  if (now - life.unexplained->found < kSettle) return;
  life.unexplained.reset();
  life.last_death = finished;
  life.settled = Settled{finished, looked_at};
  // What runs again shows no exit code of the run before.
  count_death(counts, finished, is_dead(info) ? std::optional(info.exit_code) : std::nullopt);
  if (info.oom_killed) counts.oom_kills += 1;
}

void DockerTally::forget(SteadyTime now) {
  std::erase_if(lives_, [&](const auto& entry) { return now - entry.second.seen > kKeepGone; });
  std::set<std::string_view> names;
  for (const auto& [id, life] : lives_)
    names.insert(life.name);
  std::erase_if(counts_, [&](const auto& entry) { return !names.contains(entry.first); });
}

}  // namespace heal::exporter
