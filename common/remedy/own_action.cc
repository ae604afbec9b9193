#include "common/remedy/own_action.h"

#include "common/wire/json.h"

namespace heal::remedy {

std::string to_json_text(const OwnAction& action) {
  return dump(
      {{"incident", action.incident_id}, {"from", format_rfc3339_nano(action.from)}, {"to", to_json_value(action.to)}});
}

Result<OwnAction> parse_own_action(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  OwnAction action;
  HEAL_TRY(action.incident_id, get_string(json, "incident"));
  HEAL_TRY(action.from, get_time(json, "from"));
  HEAL_TRY(action.to, get_optional_time(json, "to"));
  return action;
}

std::string own_action_key(const std::string& target) {
  return std::string(kOwnActionPrefix) + target;
}

}  // namespace heal::remedy
