#include "common/remedy/truncation.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/remedy/control_changes.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

/// More groups at once than any configuration has: the store must not grow by what a stranger sends.
constexpr std::size_t kMostTruncations = 1000;

/// Alertmanager keeps what it notified by receiver and group: two routes may have one groupKey. Twins share both.
std::string family_id(const EventBatch& batch) {
  return sha256_hex(fmt::format("{}\n{}\n{}", batch.source, batch.receiver, batch.group_key)) + ".";
}

/// Of one of the twins: they may know different alerts. One that has just started, or that some Prometheus does not
/// reach, leaves none out because it has heard of few.
std::string group_id(const EventBatch& batch) {
  return family_id(batch) + sha256_hex(batch.sender);
}

void put(Ledger& ledger, const std::string& id, const Truncation& truncation) {
  ledger.write(PutValue{std::string(kTruncationPrefix) + id, dump(to_json(truncation))});
  ledger.edit_controls().truncations.insert_or_assign(id, truncation);
}

/// Makes room for `id`. What holds nobody any more is kept for the storm brake as long as it may look back.
void forget_old(Ledger& ledger, WallTime now, const std::string& id) {
  auto& all = ledger.edit_controls().truncations;
  const auto forget = [&](auto it) {
    ledger.write(DeleteValue{std::string(kTruncationPrefix) + it->first});
    return all.erase(it);
  };
  for (auto it = all.begin(); it != all.end();)
    it = now - it->second.at >= playbook::kLongestStormWindow ? forget(it) : std::next(it);
  // What holds nobody any more goes first.
  const auto is_older = [](const auto& a, const auto& b) {
    return std::pair(!a.second.is_over, a.second.at) < std::pair(!b.second.is_over, b.second.at);
  };
  while (!all.contains(id) && all.size() >= kMostTruncations)
    forget(std::min_element(all.begin(), all.end(), is_older));
}

constexpr std::string_view kStoryKind = "truncated";

/// For people, and for another attempt at the incident.
void tell(Ledger& ledger, const std::string& incident_id, const std::string& group) {
  const auto& all = ledger.controls().truncations;
  const auto it = all.find(group);
  if (it == all.end()) return;
  ledger.append(incident_id, kStoryKind,
                fmt::format("a notification that told of it left {} alert(s) of its group out for receiver {}",
                            it->second.alerts, it->second.receiver),
                {{"group_id", group}, {"alerts", it->second.alerts}});
}

/// By the same sender, or by a twin that tells of as many alerts as there were: since it notifies, the other does not.
/// What was left out is still counted for the storm brake until its window is over, so it is not forgotten yet.
void end_truncation(Ledger& ledger, const EventBatch& batch) {
  const auto& all = ledger.controls().truncations;
  // Without a groupKey it is no notification but a finding of our own, or of a sender that knows of no groups.
  if (all.empty() || batch.group_key.empty()) return;
  const std::string family = family_id(batch), own = group_id(batch);
  std::vector<std::pair<std::string, Truncation>> over;
  for (auto it = all.lower_bound(family); it != all.end() && it->first.starts_with(family); ++it) {
    const bool is_complete = it->first == own || batch.events.size() >= it->second.total;
    if (is_complete && !it->second.is_over) over.emplace_back(*it);
  }
  for (auto& [id, truncation] : over) {
    truncation.is_over = true;
    put(ledger, id, truncation);
  }
  if (!over.empty()) wake_held(ledger, words::kAlertsTruncated);
}

/// An incident that is over cannot be held, but another attempt at it can.
void tell_once(Ledger& ledger, const std::string& incident_id, const std::string& group) {
  const auto incident = ledger.incident(incident_id);
  if (!incident.has_value() || !*incident || !(*incident)->target) return;
  const auto timeline = ledger.store().timeline(incident_id);
  if (!timeline.has_value()) return;
  const auto told = truncated_groups_of(ledger, incident_id, *timeline);
  if (std::find(told.begin(), told.end(), group) == told.end()) tell(ledger, incident_id, group);
}

}  // namespace

std::vector<std::string> note_truncation(Ledger& ledger, const EventBatch& batch) {
  if (batch.truncated_alerts == 0) {
    end_truncation(ledger, batch);
    return {};
  }
  const WallTime now = ledger.clock().now();
  std::string id = group_id(batch);
  forget_old(ledger, now, id);
  put(ledger, id,
      {printable(batch.group_key, 200), printable(batch.receiver, 100), batch.truncated_alerts, now,
       /*is_over=*/false, printable(batch.sender, 200), batch.events.size() + batch.truncated_alerts});
  return {std::move(id)};
}

void join_truncated_groups(Ledger& ledger, const std::vector<std::string>& incidents,
                           const std::vector<std::string>& groups) {
  for (const std::string& group : groups) {
    for (const std::string& id : incidents) {
      const OpenIncident* open = ledger.find(id);
      if (open == nullptr) {
        tell_once(ledger, id, group);
        continue;
      }
      const auto& known = open->progress.truncated_groups;
      if (std::find(known.begin(), known.end(), group) != known.end()) continue;
      auto& groups_of = ledger.edit(id).progress.truncated_groups;
      // Those that are forgotten hold nobody: an incident must not grow with every group that ever told of it.
      std::erase_if(groups_of, [&](const auto& each) { return !ledger.controls().truncations.contains(each); });
      groups_of.push_back(group);
      tell(ledger, id, group);
    }
  }
}

std::vector<std::string> truncated_groups_of(const Ledger& ledger, const std::string& incident_id,
                                             const std::vector<TimelineEntry>& timeline) {
  std::vector<std::string> out;
  // What this batch has added does not stand in the store yet.
  if (const OpenIncident* open = ledger.find(incident_id)) out = open->progress.truncated_groups;
  for (const TimelineEntry& entry : timeline) {
    if (entry.kind != kStoryKind) continue;
    const auto data = parse_json(entry.data);
    const auto group = data.has_value() ? get_optional_string(*data, "group_id") : Result<std::optional<std::string>>();
    if (group.has_value() && *group && ledger.controls().truncations.contains(**group)) out.push_back(**group);
  }
  return out;
}

std::vector<Truncation> truncations_of(const Ledger& ledger, const std::string& incident_id, WallTime now) {
  std::vector<Truncation> out;
  const OpenIncident* open = ledger.find(incident_id);
  if (open == nullptr) return out;
  const auto& all = ledger.controls().truncations;
  for (const std::string& group : open->progress.truncated_groups) {
    const auto it = all.find(group);
    if (it != all.end() && it->second.is_in_force(now)) out.push_back(it->second);
  }
  return out;
}

}  // namespace heal::remedy
