#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

std::string running_text(std::size_t heals) {
  return fmt::format("{} {} running", heals, heals == 1 ? "heal is" : "heals are");
}

}  // namespace

Verdict guard_in_flight(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kInFlightGuard;
  verdict.reason = "room";
  const auto& settings = snapshot.plan().guards.in_flight;
  const bool is_off = settings.state == playbook::GuardSwitch::kOff;
  if (is_off && snapshot.in_flight.size() < snapshot.slots) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const std::string& group = snapshot.plan().group;
  std::size_t of_group = 0;
  for (const InFlight& other : snapshot.in_flight) {
    if (!group.empty() && other.group == group) ++of_group;
    verdict.inputs.emplace_back(other.target, fmt::format("incident {}{}", other.incident_id,
                                                          other.group.empty() ? "" : ", group " + other.group));
  }
  verdict.inputs.emplace_back("group", group.empty() ? "none" : group);
  verdict.inputs.emplace_back("in_flight_of_group", fmt::format("{}", of_group));
  verdict.inputs.emplace_back("per_group", fmt::format("{}", settings.per_group));
  verdict.inputs.emplace_back("in_flight", fmt::format("{}", snapshot.in_flight.size()));
  verdict.inputs.emplace_back("total", fmt::format("{}", settings.total));
  verdict.inputs.emplace_back("workers", fmt::format("{}", snapshot.slots));
  const std::string running = running_text(snapshot.in_flight.size());
  verdict.message = running;
  if (snapshot.in_flight.size() >= snapshot.slots) {
    // Also when the guard is off: a plan that is allowed begins at once, on evidence that is new.
    verdict.reason = words::kTooManyInFlight;
    verdict.message = running + ", as many as there are workers";
  } else if (of_group >= settings.per_group) {
    verdict.reason = words::kGroupBusy;
    verdict.message = fmt::format("{} of group {} {} being healed; {} may be at a time", of_group, group,
                                  of_group == 1 ? "is" : "are", settings.per_group);
  } else if (snapshot.in_flight.size() >= settings.total) {
    verdict.reason = words::kTooManyInFlight;
    verdict.message = fmt::format("{}; {} may be at a time", running, settings.total);
  } else {
    return verdict;
  }
  verdict.kind = Verdict::Kind::kHold;
  verdict.until = snapshot.now + kRoomRetry;
  return verdict;
}

}  // namespace heal::remedy
