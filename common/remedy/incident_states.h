#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "common/model/incident.h"

namespace heal::remedy {

/// What can happen to an incident.
enum class IncidentEvent {
  kUnmatched,  ///< no route, no target, or a target that is not in the inventory
  kPlan,       ///< a plan was made
  kHold,       ///< a guard asks to wait
  kRefuse,     ///< a guard refuses, or no plan can be made
  kStale,      ///< the evidence is no longer true
  kStart,      ///< the guards allow: steps begin, or go on after a restart
  kStepsDone,  ///< every step ran
  kVerified,   ///< verification passed
  kFail,       ///< a step failed, or verification did not pass
  kHalt,       ///< an outcome is unknown and only a human may go on
  kRequeue,    ///< given up before anything was touched: ask the guards again
  kRelapse,    ///< bad again before stay_healthy had passed
  kClose,      ///< stay_healthy has passed, newer evidence began, or shadow mode is done
  kCancel,     ///< a person or the lever called it off
  kEvidence,   ///< another episode joined
  kResolve,    ///< every episode has resolved
  kUndo,       ///< what its steps did is being undone
  kAwait,      ///< everything allows it but a human, who is asked
  kEscalate,   ///< the next playbook of the ladder is tried
  kPage,       ///< the ladder's last rung: a human is called
  kAfter,      ///< every alert has resolved: the steps of on_resolved begin
};
inline constexpr std::size_t kIncidentEventCount = 21;
inline constexpr std::size_t kIncidentStateCount = 15;

std::string_view to_string(IncidentEvent event);
std::optional<IncidentEvent> parse_incident_event(std::string_view text);

/// One cell of the table: the state to go to, `kStay` (expected, nothing changes) or `kNever` (a bug of ours when it
/// happens: counted, logged, and nothing changes).
struct IncidentMove {
  enum class Kind { kGo, kStay, kNever };
  Kind kind = Kind::kNever;
  IncidentState to = IncidentState::kReceived;

  constexpr bool operator==(const IncidentMove&) const = default;
};

namespace table {

inline constexpr IncidentMove stay{IncidentMove::Kind::kStay, IncidentState::kReceived};
inline constexpr IncidentMove never{IncidentMove::Kind::kNever, IncidentState::kReceived};
constexpr IncidentMove go(IncidentState to) {
  return {IncidentMove::Kind::kGo, to};
}
inline constexpr auto hel = go(IncidentState::kHeld);
inline constexpr auto sup = go(IncidentState::kSuppressed);
inline constexpr auto unm = go(IncidentState::kUnmatched);
inline constexpr auto pla = go(IncidentState::kPlanned);
inline constexpr auto awa = go(IncidentState::kAwaitingApproval);
inline constexpr auto esc = go(IncidentState::kEscalated);
inline constexpr auto exe = go(IncidentState::kExecuting);
inline constexpr auto ver = go(IncidentState::kVerifying);
inline constexpr auto rec = go(IncidentState::kRecovered);
inline constexpr auto fai = go(IncidentState::kFailed);
inline constexpr auto inr = go(IncidentState::kInterrupted);
inline constexpr auto can = go(IncidentState::kCancelled);
inline constexpr auto sta = go(IncidentState::kStale);
inline constexpr auto clo = go(IncidentState::kClosed);

using Row = std::array<IncidentMove, kIncidentEventCount>;
/// Nothing moves a terminal incident; late evidence and late resolves are only recorded.
inline constexpr Row terminal{never, never, never, never, never, never, never, never, never, never, never,
                              never, never, never, stay,  stay,  never, never, never, never, never};

}  // namespace table

// clang-format off
/// State × event. Rows in the order of IncidentState, columns in the order of IncidentEvent.
inline constexpr std::array<table::Row, kIncidentStateCount> kIncidentTable = [] {
  using table::awa, table::can, table::clo, table::esc, table::exe, table::fai, table::hel, table::inr, table::never;
  using table::pla, table::rec, table::Row, table::sta, table::stay, table::sup, table::terminal, table::unm, table::ver;
  return std::array<Row, kIncidentStateCount>{{
    //               unmatched plan   hold   refuse stale  start  done   verif  fail   halt   requeue relaps close  cancel evid  resolve undo  await escal  page   after
    /* received  */ {unm,      pla,   hel,   sup,   sta,   never, never, never, never, never, stay,   never, never, can,   stay, sta,    never, awa,  never, esc,   never},
    /* held      */ {unm,      pla,   stay,  sup,   sta,   never, never, never, fai,   never, stay,   never, never, can,   stay, sta,    never, awa,  stay,  esc,   never},
    /* suppressed*/ terminal,
    /* unmatched */ terminal,
    /* planned   */ {unm,      stay,  hel,   sup,   sta,   exe,   never, never, fai,   never, hel,    never, clo,   can,   stay, sta,    never, awa,  hel,   esc,   never},
    /* awaiting  */ {unm,      pla,   hel,   sup,   sta,   exe,   never, never, fai,   never, hel,    never, clo,   can,   stay, sta,    never, stay, hel,   esc,   never},
    /* executing */ {never,    never, never, never, never, stay,  ver,   never, fai,   inr,   hel,    never, clo,   can,   stay, stay,   stay,  never, hel,  esc,   stay},
    /* verifying */ {never,    never, never, never, never, never, stay,  rec,   fai,   inr,   never,  never, never, can,   stay, stay,   exe,   never, hel,  esc,   never},
    /* recovered */ {never,    never, never, never, never, never, never, stay,  fai,   never, never,  fai,   clo,   can,   stay, stay,   never, never, hel,  esc,   exe},
    /* failed    */ terminal,
    /* escalated */ {never,    never, never, never, never, never, never, never, never, never, never,  never, clo,   clo,   stay, clo,    never, never, never, stay,  never},
    /* interrupt */ terminal,
    /* cancelled */ terminal,
    /* stale     */ terminal,
    /* closed    */ terminal,
  }};
}();
// clang-format on

/// The cell for `state` and `event`.
constexpr IncidentMove incident_move(IncidentState state, IncidentEvent event) {
  return kIncidentTable[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

}  // namespace heal::remedy
