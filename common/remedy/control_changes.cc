#include "common/remedy/control_changes.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostPauses = 100;
constexpr std::size_t kLongestName = 64;

bool is_name(const std::string& text) {
  if (text.empty() || text.size() > kLongestName) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

/// A line of the journal that belongs to no incident.
void note(Ledger& ledger, std::string_view kind, std::string message, const Json& data) {
  ledger.effect([&ledger, kind, message] {
    ledger.logger().info("what may be begun has changed", {{"control", kind}, {"what", message}});
  });
  ledger.append("", kind, std::move(message), data);
}

void put(Ledger& ledger, std::string key, const Json& value) {
  ledger.write(PutValue{std::move(key), dump(value)});
}

void forget_ended_pauses(Ledger& ledger, WallTime now) {
  auto& pauses = ledger.edit_controls().pauses;
  for (auto it = pauses.begin(); it != pauses.end();) {
    if (it->second.is_in_force(now)) {
      ++it;
      continue;
    }
    ledger.write(DeleteValue{std::string(kPausePrefix) + it->first});
    it = pauses.erase(it);
  }
}

bool is_chosen(const Breaker& breaker, const BreakerChoice& choice) {
  if (choice.which == BreakerChoice::Which::kAll) return true;
  return (choice.playbook.empty() || choice.playbook == breaker.playbook) &&
         (choice.target.empty() || choice.target == breaker.target);
}

void remove_breaker(Ledger& ledger, const Breaker& breaker) {
  ledger.write(DeleteValue{std::string(kBreakerPrefix) + breaker.key()});
  ledger.edit_controls().breakers.erase(breaker.key());
  TargetHistory history = ledger.history(breaker.target);
  history.forgive();
  ledger.put_history(breaker.target, std::move(history));
}

}  // namespace

void wake_held(Ledger& ledger, std::string_view reason) {
  std::vector<std::string> waiting;
  for (const auto& [id, open] : ledger.open()) {
    if (open.incident.state == IncidentState::kHeld && open.incident.reason == reason) waiting.push_back(id);
  }
  for (const auto& id : waiting)
    ledger.edit(id).progress.wake_at = ledger.clock().now();
}

Result<Pause> add_pause(Ledger& ledger, Pause pause) {
  const WallTime now = ledger.clock().now();
  if (!is_name(pause.name))
    return make_error(ErrorCode::kInvalid,
                      "name: expected 1 to {} of a-z, A-Z, 0-9, \".\", \"_\" and \"-\", not \"{}\"", kLongestName,
                      printable(pause.name, 80));
  if (pause.reason.empty()) return Error(ErrorCode::kInvalid, "reason: expected why nothing may be begun");
  if (pause.until && *pause.until <= now)
    return make_error(ErrorCode::kInvalid, "until: {} has passed", format_rfc3339(*pause.until));
  forget_ended_pauses(ledger, now);
  auto& pauses = ledger.edit_controls().pauses;
  if (auto it = pauses.find(pause.name); it != pauses.end() && it->second.by != pause.by)
    return make_error(ErrorCode::kConflict, "{} holds a pause {} already: {}", it->second.by, pause.name,
                      it->second.reason);
  if (pauses.size() >= kMostPauses) return make_error(ErrorCode::kRefused, "there are {} pauses already", kMostPauses);
  pause.since = now;
  pause.reason = printable(pause.reason, 300);
  const Json data = to_json(pause);
  put(ledger, std::string(kPausePrefix) + pause.name, data);
  note(ledger, "paused",
       fmt::format("{} paused ({}){}: {}", pause.by, pause.name,
                   pause.until ? " until " + format_rfc3339(*pause.until) : "", pause.reason),
       data);
  pauses.insert_or_assign(pause.name, pause);
  return pause;
}

Result<Pause> end_pause(Ledger& ledger, const std::string& name, const std::string& by) {
  const auto& pauses = ledger.controls().pauses;
  const auto it = pauses.find(name);
  if (it == pauses.end() || !it->second.is_in_force(ledger.clock().now()))
    return make_error(ErrorCode::kNotFound, "there is no pause {}", printable(name, 80));
  Pause ended = it->second;
  ledger.write(DeleteValue{std::string(kPausePrefix) + name});
  ledger.edit_controls().pauses.erase(name);
  Json data = to_json(ended);
  data["ended_by"] = by;
  note(ledger, "resumed",
       fmt::format("{} ended the pause {} of {}; {} other(s) in force", by, name, ended.by,
                   ledger.controls().pauses.size()),
       data);
  wake_held(ledger, words::kPaused);
  return ended;
}

Lever set_lever(Ledger& ledger, LeverMove move, const std::string& by, const std::string& reason) {
  Lever lever{move == LeverMove::kEngage, by, printable(reason, 300), ledger.clock().now()};
  const Json data = to_json(lever);
  put(ledger, std::string(kLeverKey), data);
  note(ledger, "lever",
       fmt::format("{} {} the emergency lever{}", by, lever.is_engaged ? "engaged" : "released",
                   lever.reason.empty() ? "" : ": " + lever.reason),
       data);
  ledger.edit_controls().lever = lever;
  if (!lever.is_engaged) wake_held(ledger, words::kLeverEngaged);
  return lever;
}

void open_breaker(Ledger& ledger, Breaker breaker) {
  const std::string key = breaker.key();
  if (ledger.controls().breakers.contains(key)) return;
  const Json data = to_json(breaker);
  put(ledger, std::string(kBreakerPrefix) + key, data);
  ledger.append(
      breaker.incident_id, "breaker",
      fmt::format("breaker of playbook {} on {} opens: {}", breaker.playbook, breaker.target, breaker.message), data);
  ledger.edit_controls().breakers.emplace(key, std::move(breaker));
}

Result<std::vector<Breaker>> reset_breakers(Ledger& ledger, const BreakerChoice& choice, const std::string& by,
                                            const std::string& reason) {
  if (choice.which != BreakerChoice::Which::kAll && choice.playbook.empty() && choice.target.empty())
    return Error(ErrorCode::kInvalid, "expected \"playbook\", \"target\" or \"all\": true");
  std::vector<Breaker> chosen;
  for (const auto& [key, breaker] : ledger.controls().breakers) {
    if (is_chosen(breaker, choice)) chosen.push_back(breaker);
  }
  if (chosen.empty()) return Error(ErrorCode::kNotFound, "no such breaker is open");
  for (const Breaker& breaker : chosen) {
    remove_breaker(ledger, breaker);
    Json data = to_json(breaker);
    data["by"] = by;
    data["why"] = reason;
    note(ledger, "breaker_reset",
         fmt::format("{} reset the breaker of playbook {} on {}{}", by, breaker.playbook, breaker.target,
                     reason.empty() ? "" : ": " + printable(reason, 300)),
         data);
  }
  return chosen;
}

bool close_breaker(Ledger& ledger, const std::string& playbook, const std::string& target, const std::string& why) {
  const Breaker* open = ledger.controls().breaker(playbook, target);
  if (open == nullptr) return false;
  const Breaker breaker = *open;
  remove_breaker(ledger, breaker);
  note(ledger, "breaker_reset", fmt::format("breaker of playbook {} on {} closes: {}", playbook, target, why),
       to_json(breaker));
  return true;
}

void watch_storm(Ledger& ledger, const playbook::StormBrake& brake) {
  if (brake.state == playbook::GuardSwitch::kOff) return;
  const WallTime now = ledger.clock().now();
  const std::size_t count = ledger.recent_targets(now, brake.window);
  if (count <= brake.incidents) return;
  const auto& known = ledger.controls().storm;
  const bool goes_on = known && known->is_active(now);
  Storm storm{goes_on ? known->since : now, now + brake.cooldown, count};
  if (goes_on) storm.incidents = std::max(storm.incidents, known->incidents);
  // A storm is prolonged in steps: one write a second is enough.
  if (goes_on && storm.incidents == known->incidents && storm.until - known->until < 1s) return;
  put(ledger, std::string(kStormKey), to_json(storm));
  if (!goes_on)
    note(ledger, "storm",
         fmt::format("storm: incidents on {} targets within {}; nothing is begun before {}", count,
                     format_duration(brake.window), format_rfc3339(storm.until)),
         to_json(storm));
  ledger.edit_controls().storm = storm;
}

}  // namespace heal::remedy
