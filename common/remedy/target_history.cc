#include "common/remedy/target_history.h"

#include <algorithm>
#include <utility>

#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostTimes = 100;

void add(std::vector<WallTime>& times, WallTime at) {
  times.push_back(at);
  if (times.size() > kMostTimes) times.erase(times.begin());
}

std::size_t count_after(const std::vector<WallTime>& times, WallTime moment) {
  return static_cast<std::size_t>(std::count_if(times.begin(), times.end(), [&](WallTime at) { return at > moment; }));
}

Json times_json(const std::vector<WallTime>& times) {
  Json out = Json::array();
  for (WallTime at : times)
    out.push_back(format_rfc3339_nano(at));
  return out;
}

Result<std::vector<WallTime>> parse_times(const Json& list, std::string_view name) {
  std::vector<WallTime> out;
  for (const Json& item : list) {
    if (!item.is_string()) return make_error(ErrorCode::kInvalid, "/{}: expected times", name);
    HEAL_TRY(auto at, parse_rfc3339(item.get_ref<const std::string&>()));
    if (at) out.push_back(*at);
  }
  return out;
}

}  // namespace

void TargetHistory::began(WallTime at) {
  add(attempts, at);
  cooldown_from = at;
  held_since.reset();
}

void TargetHistory::ended(WallTime at) {
  cooldown_from = at;
}

void TargetHistory::healed(const std::string& incident_id, WallTime at) {
  last_heal = LastHeal{incident_id, at};
  add(heals, at);
}

void TargetHistory::troubled() {
  was_healthy_since = std::exchange(healthy_since, std::nullopt);
}

void TargetHistory::is_healthy(WallTime at) {
  if (!healthy_since) healthy_since = at;
}

void TargetHistory::forgive() {
  attempts.clear();
  heals.clear();
}

void TargetHistory::bring_forward(Duration by) {
  for (auto* times : {&attempts, &heals}) {
    for (WallTime& at : *times)
      at -= by;
  }
  for (auto* time : {&cooldown_from, &held_since, &healthy_since, &was_healthy_since}) {
    if (*time) **time -= by;
  }
  if (last_heal) last_heal->verified_at -= by;
}

std::optional<WallTime> TargetHistory::newest() const {
  std::optional<WallTime> out;
  for (const auto& time : {cooldown_from, held_since, healthy_since, was_healthy_since}) {
    if (time && (!out || *time > *out)) out = time;
  }
  if (!attempts.empty() && (!out || attempts.back() > *out)) out = attempts.back();
  return out;
}

std::size_t TargetHistory::attempts_after(WallTime moment) const {
  return count_after(attempts, moment);
}

std::size_t TargetHistory::heals_since(WallTime now, Duration window) const {
  return count_after(heals, now - window);
}

std::size_t TargetHistory::attempts_since(WallTime now, Duration window) const {
  return count_after(attempts, now - window);
}

std::string to_json_text(const TargetHistory& history) {
  Json out = Json::object();
  out["attempts"] = times_json(history.attempts);
  out["heals"] = times_json(history.heals);
  out["healthy_since"] = to_json_value(history.healthy_since);
  out["was_healthy_since"] = to_json_value(history.was_healthy_since);
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
  HEAL_TRY(history.attempts, parse_times(*attempts, "attempts"));
  // Absent in what earlier releases wrote.
  HEAL_TRY(const Json* heals, get_optional_array(json, "heals"));
  if (heals != nullptr) {
    HEAL_TRY(history.heals, parse_times(*heals, "heals"));
  }
  HEAL_TRY(history.healthy_since, get_optional_time(json, "healthy_since"));
  HEAL_TRY(history.was_healthy_since, get_optional_time(json, "was_healthy_since"));
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
