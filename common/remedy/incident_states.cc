#include "common/remedy/incident_states.h"

namespace heal::remedy {
namespace {

constexpr std::array<std::string_view, kIncidentEventCount> kEventNames{
    "unmatched", "plan", "hold",    "refuse",  "stale", "start",  "steps_done", "verified",
    "fail",      "halt", "requeue", "relapse", "close", "cancel", "evidence",   "resolve"};

}  // namespace

std::string_view to_string(IncidentEvent event) {
  return kEventNames[static_cast<std::size_t>(event)];
}

}  // namespace heal::remedy
