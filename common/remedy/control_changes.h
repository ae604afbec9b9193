#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/playbook/safety.h"
#include "common/remedy/controls.h"
#include "common/remedy/ledger.h"

namespace heal::remedy {

// Changes of the control state, on the coordinator's thread: each puts the change and a journal entry of the service
// (without an incident) into the batch. Incidents that wait for what changed are asked about again at once.

/// kInvalid for a name that is none or a time that has passed, kConflict when somebody else holds a pause of that name,
/// kRefused when there are too many.
Result<Pause> add_pause(Ledger& ledger, Pause pause);
/// kNotFound when there is none of that name.
Result<Pause> end_pause(Ledger& ledger, const std::string& name, const std::string& by);

enum class LeverMove { kEngage, kRelease };
Lever set_lever(Ledger& ledger, LeverMove move, const std::string& by, const std::string& reason);

/// Opens a breaker that is not open yet.
void open_breaker(Ledger& ledger, Breaker breaker);
/// Which breakers to reset: of a playbook, of a target, or both; "" for any. Not both "": `all` says that.
struct BreakerChoice {
  std::string playbook, target;
  enum class Which { kMatching, kAll } which = Which::kMatching;
};
/// The breakers that it closed. kInvalid when nothing is chosen, kNotFound when none is open there. The budget of
/// their targets begins anew.
Result<std::vector<Breaker>> reset_breakers(Ledger& ledger, const BreakerChoice& choice, const std::string& by,
                                            const std::string& reason);
/// Closes the breaker of an incident whose target was healthy for long enough before it; true when one was open.
bool close_breaker(Ledger& ledger, const std::string& playbook, const std::string& target, const std::string& why);

/// Those that are held for `reason` are looked at now rather than when their time comes.
void wake_held(Ledger& ledger, std::string_view reason);

/// Begins or prolongs a storm when too many incidents began.
void watch_storm(Ledger& ledger, const playbook::StormBrake& brake);

}  // namespace heal::remedy
