#include "common/remedy/target_history.h"

#include <algorithm>

#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostAttempts = 100;

}  // namespace

void TargetHistory::began(WallTime at) {
  attempts.push_back(at);
  if (attempts.size() > kMostAttempts) attempts.erase(attempts.begin());
  cooldown_from = at;
  held_since.reset();
}

void TargetHistory::ended(WallTime at) {
  cooldown_from = at;
}

void TargetHistory::healed(const std::string& incident_id, WallTime at) {
  last_heal = LastHeal{incident_id, at};
}

std::size_t TargetHistory::attempts_since(WallTime now, Duration window) const {
  return static_cast<std::size_t>(
      std::count_if(attempts.begin(), attempts.end(), [&](WallTime at) { return at > now - window; }));
}

std::string to_json_text(const TargetHistory& history) {
  Json out = Json::object();
  out["attempts"] = Json::array();
  for (WallTime at : history.attempts)
    out["attempts"].push_back(format_rfc3339_nano(at));
  out["cooldown_from"] = to_json_value(history.cooldown_from);
  out["held_since"] = to_json_value(history.held_since);
  if (history.last_heal) {
    out["last_heal"] = {{"incident", history.last_heal->incident_id},
                        {"verified_at", format_rfc3339_nano(history.last_heal->verified_at)}};
  }
  return dump(out);
}

Result<TargetHistory> parse_target_history(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  TargetHistory history;
  HEAL_TRY(const Json* attempts, get_array(json, "attempts"));
  for (const Json& item : *attempts) {
    if (!item.is_string()) return make_error(ErrorCode::kInvalid, "/attempts: expected times");
    HEAL_TRY(auto at, parse_rfc3339(item.get_ref<const std::string&>()));
    if (at) history.attempts.push_back(*at);
  }
  HEAL_TRY(history.cooldown_from, get_optional_time(json, "cooldown_from"));
  HEAL_TRY(history.held_since, get_optional_time(json, "held_since"));
  HEAL_TRY(const Json* heal, get_optional_object(json, "last_heal"));
  if (heal != nullptr) {
    LastHeal last;
    HEAL_TRY(last.incident_id, get_string(*heal, "incident", "/last_heal"));
    HEAL_TRY(last.verified_at, get_time(*heal, "verified_at", "/last_heal"));
    history.last_heal = std::move(last);
  }
  return history;
}

std::string history_key(const std::string& target) {
  return std::string(kHistoryPrefix) + target;
}

}  // namespace heal::remedy
