#include "webhook/stats.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/model/heal_outcome.h"
#include "common/wire/json.h"

namespace heal::webhook {
namespace {

constexpr std::array<std::pair<std::string_view, StatsBy>, 4> kWords{{{"playbook", StatsBy::kPlaybook},
                                                                      {"target", StatsBy::kTarget},
                                                                      {"type", StatsBy::kType},
                                                                      {"name", StatsBy::kName}}};

std::string key_of(const Incident& incident, StatsBy by) {
  switch (by) {
    case StatsBy::kPlaybook:
      return incident.playbook;
    case StatsBy::kTarget:
      return incident.target ? incident.target->str() : "";
    case StatsBy::kType:
      return incident.type;
    case StatsBy::kName:
      return incident.name;
  }
  return "";
}

/// A guard or a stage said no.
bool is_refused(const Incident& incident) {
  switch (incident.state) {
    case IncidentState::kHeld:
    case IncidentState::kSuppressed:
    case IncidentState::kUnmatched:
      return incident.attempt == 0;
    default:
      return false;
  }
}

/// Nearest rank.
double percentile(const std::vector<double>& sorted, std::size_t percent) {
  const std::size_t rank = (sorted.size() * percent + 99) / 100;
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

Json percentiles(std::vector<double> values) {
  if (values.empty()) return nullptr;
  std::sort(values.begin(), values.end());
  return {{"p50", percentile(values, 50)}, {"p95", percentile(values, 95)}};
}

}  // namespace

std::optional<StatsBy> parse_stats_by(std::string_view text) {
  for (const auto& [word, by] : kWords) {
    if (word == text) return by;
  }
  return std::nullopt;
}

void Stats::add(const Incident& incident) {
  Group& group = groups_[key_of(incident, by_)];
  ++group.incidents;
  if (!is_terminal(incident.state)) ++group.open;
  const HealOutcome outcome = heal_outcome(incident);
  if (outcome != HealOutcome::kNone) ++group.heals;
  if (outcome == HealOutcome::kVerified) ++group.verified;
  if (outcome == HealOutcome::kFailed) ++group.failed;
  if (is_refused(incident)) ++group.refused[incident.reason];
  if (const auto time = incident.times.time_to_detect()) group.mttd.push_back(to_seconds(*time));
  if (const auto time = time_to_recover(incident)) group.mttr.push_back(to_seconds(*time));
}

Json Stats::json() const {
  const auto word = std::find_if(kWords.begin(), kWords.end(), [this](const auto& each) { return each.second == by_; });
  Json list = Json::array();
  for (const auto& [key, group] : groups_) {
    list.push_back({{std::string(word->first), key},
                    {"incidents", group.incidents},
                    {"open", group.open},
                    {"heals", group.heals},
                    {"verified", group.verified},
                    {"failed", group.failed},
                    {"refused", group.refused},
                    {"mttd_seconds", percentiles(group.mttd)},
                    {"mttr_seconds", percentiles(group.mttr)}});
  }
  return list;
}

}  // namespace heal::webhook
