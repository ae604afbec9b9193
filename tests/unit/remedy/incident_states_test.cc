#include "common/remedy/incident_states.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

namespace heal::remedy {
namespace {

using enum IncidentState;
using E = IncidentEvent;

IncidentState state_at(std::size_t i) {
  return static_cast<IncidentState>(i);
}
E event_at(std::size_t i) {
  return static_cast<E>(i);
}

/// The whole table, written down a second time by meaning: what moves, and what may happen without moving anything.
const std::map<std::pair<IncidentState, E>, IncidentState> kMoves{
    {{kReceived, E::kUnmatched}, kUnmatched},
    {{kReceived, E::kPlan}, kPlanned},
    {{kReceived, E::kHold}, kHeld},
    {{kReceived, E::kRefuse}, kSuppressed},
    {{kReceived, E::kStale}, kStale},
    {{kReceived, E::kCancel}, kCancelled},
    {{kReceived, E::kResolve}, kStale},
    {{kHeld, E::kUnmatched}, kUnmatched},
    {{kHeld, E::kPlan}, kPlanned},
    {{kHeld, E::kRefuse}, kSuppressed},
    {{kHeld, E::kStale}, kStale},
    {{kHeld, E::kCancel}, kCancelled},
    {{kHeld, E::kResolve}, kStale},
    {{kPlanned, E::kUnmatched}, kUnmatched},
    {{kPlanned, E::kHold}, kHeld},
    {{kPlanned, E::kRefuse}, kSuppressed},
    {{kPlanned, E::kStale}, kStale},
    {{kPlanned, E::kStart}, kExecuting},
    {{kPlanned, E::kRequeue}, kHeld},
    {{kPlanned, E::kClose}, kClosed},
    {{kPlanned, E::kCancel}, kCancelled},
    {{kPlanned, E::kResolve}, kStale},
    {{kAwaitingApproval, E::kUnmatched}, kUnmatched},
    {{kAwaitingApproval, E::kPlan}, kPlanned},
    {{kAwaitingApproval, E::kHold}, kHeld},
    {{kAwaitingApproval, E::kRefuse}, kSuppressed},
    {{kAwaitingApproval, E::kStale}, kStale},
    {{kAwaitingApproval, E::kStart}, kExecuting},
    {{kAwaitingApproval, E::kRequeue}, kHeld},
    {{kAwaitingApproval, E::kCancel}, kCancelled},
    {{kAwaitingApproval, E::kResolve}, kStale},
    {{kExecuting, E::kStepsDone}, kVerifying},
    {{kExecuting, E::kFail}, kFailed},
    {{kExecuting, E::kHalt}, kInterrupted},
    {{kExecuting, E::kRequeue}, kHeld},
    {{kExecuting, E::kCancel}, kCancelled},
    {{kVerifying, E::kVerified}, kRecovered},
    {{kVerifying, E::kFail}, kFailed},
    {{kVerifying, E::kHalt}, kInterrupted},
    {{kVerifying, E::kCancel}, kCancelled},
    {{kRecovered, E::kRelapse}, kFailed},
    {{kRecovered, E::kClose}, kClosed},
    {{kRecovered, E::kFail}, kFailed},
    {{kRecovered, E::kCancel}, kCancelled},
    {{kHeld, E::kFail}, kFailed},
    {{kPlanned, E::kFail}, kFailed},
    {{kAwaitingApproval, E::kFail}, kFailed},
    {{kAwaitingApproval, E::kClose}, kClosed},
    {{kExecuting, E::kClose}, kClosed},
    {{kVerifying, E::kUndo}, kExecuting},
    {{kReceived, E::kAwait}, kAwaitingApproval},
    {{kHeld, E::kAwait}, kAwaitingApproval},
    {{kPlanned, E::kAwait}, kAwaitingApproval},
    {{kPlanned, E::kEscalate}, kHeld},
    {{kAwaitingApproval, E::kEscalate}, kHeld},
    {{kExecuting, E::kEscalate}, kHeld},
    {{kVerifying, E::kEscalate}, kHeld},
    {{kRecovered, E::kEscalate}, kHeld},
    {{kReceived, E::kPage}, kEscalated},
    {{kHeld, E::kPage}, kEscalated},
    {{kPlanned, E::kPage}, kEscalated},
    {{kAwaitingApproval, E::kPage}, kEscalated},
    {{kExecuting, E::kPage}, kEscalated},
    {{kVerifying, E::kPage}, kEscalated},
    {{kRecovered, E::kPage}, kEscalated},
    {{kRecovered, E::kAfter}, kExecuting},
    {{kEscalated, E::kResolve}, kClosed},
    {{kEscalated, E::kClose}, kClosed},
    {{kEscalated, E::kCancel}, kClosed},
};

const std::set<std::pair<IncidentState, E>> kStays{
    {kReceived, E::kRequeue},  {kHeld, E::kHold},
    {kHeld, E::kRequeue},      {kPlanned, E::kPlan},
    {kExecuting, E::kStart},   {kExecuting, E::kResolve},
    {kVerifying, E::kResolve}, {kVerifying, E::kStepsDone},
    {kRecovered, E::kResolve}, {kRecovered, E::kVerified},
    {kExecuting, E::kUndo},    {kExecuting, E::kAfter},
    {kHeld, E::kEscalate},     {kAwaitingApproval, E::kAwait},
    {kEscalated, E::kPage},
};

IncidentMove expected_at(IncidentState state, E event) {
  if (auto it = kMoves.find({state, event}); it != kMoves.end()) return table::go(it->second);
  if (event == E::kEvidence || kStays.contains({state, event})) return table::stay;
  if (is_terminal(state) && event == E::kResolve) return table::stay;
  return table::never;
}

TEST_CASE("every cell of the incident table is the one that was meant") {
  for (std::size_t s = 0; s < kIncidentStateCount; ++s) {
    for (std::size_t e = 0; e < kIncidentEventCount; ++e) {
      CAPTURE(to_string(state_at(s)), to_string(event_at(e)));
      CHECK(incident_move(state_at(s), event_at(e)) == expected_at(state_at(s), event_at(e)));
    }
  }
}

TEST_CASE("nothing leaves a terminal state") {
  for (std::size_t s = 0; s < kIncidentStateCount; ++s) {
    if (!is_terminal(state_at(s))) continue;
    for (std::size_t e = 0; e < kIncidentEventCount; ++e) {
      CAPTURE(to_string(state_at(s)), to_string(event_at(e)));
      CHECK(incident_move(state_at(s), event_at(e)).kind != IncidentMove::Kind::kGo);
    }
  }
}

TEST_CASE("steps can begin only where a plan exists") {
  for (std::size_t s = 0; s < kIncidentStateCount; ++s) {
    const bool may = state_at(s) == kPlanned || state_at(s) == kAwaitingApproval;
    CAPTURE(to_string(state_at(s)));
    CHECK((incident_move(state_at(s), E::kStart) == table::exe) == may);
  }
}

TEST_CASE("every state that is not terminal has a way out, and evidence is expected everywhere") {
  for (std::size_t s = 0; s < kIncidentStateCount; ++s) {
    bool has_way_out = false;
    for (std::size_t e = 0; e < kIncidentEventCount; ++e)
      has_way_out |= incident_move(state_at(s), event_at(e)).kind == IncidentMove::Kind::kGo;
    CAPTURE(to_string(state_at(s)));
    CHECK(has_way_out == !is_terminal(state_at(s)));
    CHECK(incident_move(state_at(s), E::kEvidence) == table::stay);
  }
}

}  // namespace
}  // namespace heal::remedy
