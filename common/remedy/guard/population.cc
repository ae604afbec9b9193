#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

struct Count {
  std::size_t members = 0, unhealthy = 0;
};

/// What stands against each member; "" for a healthy one. Whoever is being healed is a member, also when the action has
/// taken it off the list for a moment: a population must not shrink because of what we do to it.
std::map<std::string, std::string> sick_list(const GuardSnapshot& snapshot) {
  const Population& population = *snapshot.dossier.population;
  std::map<std::string, std::string> members;
  for (const Member& member : population.members) {
    const char* word = member.answer == Answer::kFail ? "unhealthy" : "not known";
    members[member.target] = member.answer == Answer::kPass ? "" : fmt::format("{}: {}", word, member.message);
  }
  for (const InFlight& other : snapshot.in_flight) {
    if (other.group == population.group) members[other.target] = "being healed by incident " + other.incident_id;
  }
  if (members.contains(snapshot.plan().target.str()) || snapshot.plan().group == population.group)
    members[snapshot.plan().target.str()] = "the target";
  return members;
}

Count count(Verdict& verdict, const std::map<std::string, std::string>& members) {
  Count out;
  for (const auto& [target, against] : members) {
    ++out.members;
    if (!against.empty()) ++out.unhealthy;
    verdict.inputs.emplace_back(target, against.empty() ? "healthy" : against);
  }
  return out;
}

/// Nobody knows what the alerts that were left out are about. That members answer well is not enough: an alert may see
/// what their health checks do not.
Verdict hold_for_unseen(Verdict verdict, const GuardSnapshot& snapshot) {
  // Of twins, the alerts are the same ones as far as anybody knows.
  std::map<std::pair<std::string, std::string>, std::uint64_t> left_out;
  for (const Truncation& truncation : snapshot.truncated) {
    std::uint64_t& most = left_out[{truncation.group, truncation.receiver}];
    most = std::max(most, truncation.alerts);
    const std::string by = truncation.sender.empty() ? "" : " by " + truncation.sender;
    verdict.inputs.emplace_back(
        "truncated", fmt::format("{} alert(s) of group {} left out for receiver {}{} at {}", truncation.alerts,
                                 truncation.group, truncation.receiver, by, format_rfc3339(truncation.at)));
  }
  std::uint64_t alerts = 0;
  for (const auto& [group, count] : left_out)
    alerts += count;
  return blind_verdict(
      std::move(verdict), snapshot.plan().guards.population.on_error, words::kAlertsTruncated,
      fmt::format("{} alert(s) of its group were not shown to receiver {}: how many are unhealthy is not known; "
                  "max_alerts: 0 for that receiver shows all",
                  alerts, snapshot.truncated.front().receiver));
}

Verdict refuse(Verdict verdict, std::string_view reason, std::string message) {
  verdict.kind = Verdict::Kind::kRefuse;
  verdict.reason = reason;
  verdict.message = std::move(message);
  return verdict;
}

}  // namespace

Verdict guard_population(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kPopulationGuard;
  verdict.reason = "enough_healthy";
  const auto& settings = snapshot.plan().guards.population;
  if (settings.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const auto& population = snapshot.dossier.population;
  if (!population) {
    verdict.reason = "no_group";
    verdict.message = "the target belongs to no group: there are no others to think of";
    return verdict;
  }
  verdict.inputs.emplace_back("group", population->group);
  if (!population->error.empty())
    return blind_verdict(verdict, settings.on_error, "population_unknown", population->error);
  if (population->members.empty())
    return refuse(verdict, "population_empty", fmt::format("group {} has no members", population->group));
  const Count seen = count(verdict, sick_list(snapshot));
  const std::size_t most = settings.most_unhealthy(seen.members);
  verdict.population = PopulationCount{population->group, seen.members, seen.unhealthy};
  verdict.inputs.emplace_back("members", fmt::format("{}", seen.members));
  verdict.inputs.emplace_back("unhealthy", fmt::format("{}", seen.unhealthy));
  verdict.inputs.emplace_back("max_unhealthy",
                              fmt::format("{} ({} %, at least {})", most, settings.percent, settings.at_least));
  verdict.message = fmt::format("{} of {} members of group {} are unhealthy or being healed; {} may be", seen.unhealthy,
                                seen.members, population->group, most);
  if (seen.unhealthy <= most)
    return snapshot.truncated.empty() ? verdict : hold_for_unseen(std::move(verdict), snapshot);
  verdict.kind = Verdict::Kind::kHold;
  verdict.reason = "too_many_unhealthy";
  verdict.until = snapshot.now + kPopulationRetry;
  return verdict;
}

}  // namespace heal::remedy
