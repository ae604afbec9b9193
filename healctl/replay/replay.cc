#include "healctl/replay/replay.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/remedy/words.h"

namespace heal::ctl {
namespace {

using rehearsal::AlertChange;
using rehearsal::ContainerChange;
using rehearsal::TimedHappening;

/// How long before its first evidence a trouble begins, and how far the same incident may lie apart in the two.
constexpr Duration kBefore = 1s;
constexpr Duration kApart = 2min;

using Engines = std::vector<std::string>;

bool is_from_schedule(const Episode& episode) {
  return episode.source == remedy::words::kSchedule;
}

/// What people asked for, and what only a schedule's check saw.
bool is_left_out(const Story& story) {
  if (!story.incident.requested_by.empty()) return true;
  return !story.episodes.empty() && std::all_of(story.episodes.begin(), story.episodes.end(), is_from_schedule);
}

bool is_from_docker(const Episode& episode) {
  return episode.source == remedy::words::kDocker;
}

/// The container that it is about: the incident's target, or what the alert names. No alert names an engine: it is of
/// the only one.
std::optional<TargetId> container_of(const Story& story, const Engines& engines) {
  if (story.incident.target) {
    if (story.incident.target->kind != "container") return std::nullopt;
    return story.incident.target;
  }
  for (const Episode& episode : story.episodes) {
    const std::string name(label_value(episode.labels, "container"));
    if (!name.empty()) return TargetId{"container", engines.size() == 1 ? engines.front() : "local", name};
  }
  return std::nullopt;
}

/// The engine of its container when there is none of this name; "" otherwise.
std::string missing_engine(const Story& story, const Engines& engines) {
  const auto container = container_of(story, engines);
  const bool is_there = !container || std::find(engines.begin(), engines.end(), container->engine) != engines.end();
  return is_there ? "" : container->engine;
}

bool is_played(const Story& story, const Engines& engines) {
  return !is_left_out(story) && missing_engine(story, engines).empty();
}

WallTime begin_of(const Story& story) {
  WallTime first = story.incident.times.detected_at.value_or(WallTime::max());
  for (const Episode& episode : story.episodes)
    first = std::min(first, episode.received_at);
  return first;
}

WallTime end_of(const Story& story) {
  WallTime last = begin_of(story);
  for (const auto& time : {story.incident.times.closed_at, story.incident.times.resolved_at})
    last = std::max(last, time.value_or(last));
  for (const Episode& episode : story.episodes)
    last = std::max(last, episode.resolved_at.value_or(last));
  return last;
}

class Timeline {
 public:
  Timeline(WallTime began_at, Mends mends) : began_at_(began_at), mends_(mends) {}

  void take(const Story& story, const std::optional<TargetId>& container) {
    if (container) trouble(story, *container);
    for (const Episode& episode : story.episodes) {
      if (is_from_docker(episode) || is_from_schedule(episode)) continue;
      events_.push_back({episode.received_at, {episode.labels, episode.annotations}, true});
      if (episode.resolved_at) events_.push_back({*episode.resolved_at, {episode.labels, {}}, false});
    }
  }

  /// In order of time, alerts that fire again without having resolved resolved in between.
  std::vector<TimedHappening> lines() && {
    std::stable_sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
    std::set<Labels> firing;
    for (const Event& event : events_) {
      const bool fires = firing.contains(event.labels.first);
      if (fires) add(event.at, AlertChange{AlertChange::What::kResolves, event.labels.first, {}});
      if (fires) firing.erase(event.labels.first);
      if (!event.begins) continue;
      add(event.at, AlertChange{AlertChange::What::kFires, event.labels.first, event.labels.second});
      firing.insert(event.labels.first);
    }
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const TimedHappening& a, const TimedHappening& b) { return a.at < b.at; });
    return std::move(lines_);
  }

 private:
  struct Event {
    WallTime at{};
    std::pair<Labels, Labels> labels;
    bool begins = false;
  };

  void add(WallTime at, rehearsal::Happening what) {
    lines_.push_back({std::max<Duration>(at - began_at_, Duration{}), std::move(what), {}});
  }

  void trouble(const Story& story, const TargetId& container) {
    using Becomes = ContainerChange::Becomes;
    const auto& incident = story.incident;
    const bool is_dead = std::any_of(story.episodes.begin(), story.episodes.end(), is_from_docker);
    const bool was_mended = mends_ == Mends::kAnyAction || (incident.times.acted_at && incident.times.verified_at);
    const Becomes how = is_dead ? Becomes::kCrashed : was_mended ? Becomes::kHanging : Becomes::kBroken;
    add(begin_of(story) - kBefore,
        ContainerChange{how, container.engine, container.name, incident.exit_code.value_or(137)});
    add(end_of(story),
        ContainerChange{is_dead ? Becomes::kRunning : Becomes::kMended, container.engine, container.name, 0});
  }

  const WallTime began_at_;
  const Mends mends_;
  std::vector<Event> events_;
  std::vector<TimedHappening> lines_;
};

std::string told(const std::string& playbook, const std::vector<std::string>& decisions) {
  const std::string all = decisions.empty() ? "nothing decided" : fmt::format("{}", fmt::join(decisions, ", "));
  return playbook.empty() ? all : fmt::format("{}: {}", playbook, all);
}

std::vector<std::string> decisions_of(const Story& story) {
  std::vector<std::string> out;
  for (const TimelineEntry& entry : story.timeline) {
    std::string decision = rehearsal::decision_of(entry);
    if (!decision.empty() && (out.empty() || out.back() != decision)) out.push_back(std::move(decision));
  }
  return out;
}

/// Whether it was decided by what else was going on in the container's group, which the record does not name.
bool hangs_on_groups(const std::vector<std::string>& decisions) {
  return std::any_of(decisions.begin(), decisions.end(), [](const std::string& decision) {
    return decision.ends_with(remedy::words::kInFlightGuard) || decision.ends_with(remedy::words::kPopulationGuard);
  });
}

/// Whether what was seen is of the same trouble, as far as targets and names tell. An alert that Prometheus remembers
/// has no target, only the name of its container; what no route took has none either.
bool is_about(const rehearsal::ObservedIncident& seen, const ReplayedIncident& row,
              const std::optional<TargetId>& container) {
  if (seen.target.empty()) return seen.alert == row.alert;
  if (!row.target.empty()) return seen.target == row.target;
  return container ? seen.target.ends_with("/" + container->name) : seen.alert == row.alert;
}

/// What was seen of the row's trouble and of no other's; nullptr when there is none.
class Seen {
 public:
  Seen(const std::vector<rehearsal::ObservedIncident>& all, WallTime began_at)
      : all_(all), is_taken_(all.size()), began_at_(began_at) {}

  const rehearsal::ObservedIncident* take(const ReplayedIncident& row, const std::optional<TargetId>& container) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const auto detected = all_[i].times.find("detected");
      if (is_taken_[i] || !is_about(all_[i], row, container) || detected == all_[i].times.end()) continue;
      const Duration apart = began_at_ + detected->second - row.at;
      if (apart > kApart || apart < -kApart) continue;
      is_taken_[i] = true;
      return &all_[i];
    }
    return nullptr;
  }

 private:
  const std::vector<rehearsal::ObservedIncident>& all_;
  std::vector<bool> is_taken_;
  const WallTime began_at_;
};

ReplayedIncident recorded(const Story& story, const Engines& engines) {
  const Incident& incident = story.incident;
  const auto decisions = decisions_of(story);
  ReplayedIncident row;
  row.id = incident.id;
  row.alert = incident.name;
  row.target = incident.target ? incident.target->str() : "";
  row.at = begin_of(story);
  row.playbook_then = incident.playbook;
  row.then = told(incident.playbook, decisions);
  row.missing_engine = missing_engine(story, engines);
  row.can_be_told = row.missing_engine.empty() && !hangs_on_groups(decisions);
  row.acted_then = incident.times.acted_at.has_value();
  row.now = "not seen";
  return row;
}

}  // namespace

rehearsal::TestCase replay_of(const std::vector<Story>& stories, Mends mends, const Engines& engines,
                              WallTime& began_at) {
  began_at = WallTime::max();
  WallTime last = WallTime::min();
  for (const Story& story : stories) {
    if (!is_played(story, engines)) continue;
    began_at = std::min(began_at, begin_of(story) - 1min);
    last = std::max(last, end_of(story));
  }
  rehearsal::TestCase out;
  out.name = "replay";
  if (last == WallTime::min()) return out;
  out.now = began_at;
  Timeline timeline(began_at, mends);
  std::map<std::string, rehearsal::CastContainer> cast;
  for (const Story& story : stories) {
    if (!is_played(story, engines)) continue;
    const auto container = container_of(story, engines);
    timeline.take(story, container);
    if (!container) continue;
    auto& one = cast[container->str()];
    one.engine = container->engine;
    one.container.name = container->name;
    if (story.incident.reason == "not_in_inventory") continue;
    one.container.labels = {{"heal.enable", "true"},
                            {"heal.health", fmt::format("http://replay.invalid/{}", container->name)}};
  }
  for (auto& [name, one] : cast)
    out.world.containers.push_back(std::move(one));
  out.timeline = std::move(timeline).lines();
  out.expect.after = last - began_at + 1h;
  return out;
}

std::vector<ReplayedIncident> compare_replay(const std::vector<Story>& stories, const Engines& engines,
                                             WallTime began_at, const std::vector<rehearsal::ObservedIncident>& seen) {
  Seen all(seen, began_at);
  std::vector<ReplayedIncident> out;
  std::vector<const Story*> oldest_first;
  for (const Story& story : stories) {
    if (!is_left_out(story)) oldest_first.push_back(&story);
  }
  std::stable_sort(oldest_first.begin(), oldest_first.end(),
                   [](const Story* a, const Story* b) { return begin_of(*a) < begin_of(*b); });
  for (const Story* story : oldest_first) {
    ReplayedIncident row = recorded(*story, engines);
    if (const auto* now = all.take(row, container_of(*story, engines)); now != nullptr) {
      if (row.target.empty()) row.target = now->target;
      row.playbook_now = now->playbook;
      row.now = told(now->playbook, now->decisions);
      row.acted_now = now->times.contains("acted");
    }
    if (!row.can_be_told) row.now = "cannot be told";
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace heal::ctl
