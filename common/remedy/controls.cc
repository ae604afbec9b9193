#include "common/remedy/controls.h"

#include <algorithm>
#include <limits>

#include "common/playbook/safety.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostRecent = 10'000;
constexpr std::size_t kIncidentsPage = 1000;

Result<Lever> parse_lever(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Lever lever;
  HEAL_TRY(lever.is_engaged, get_bool(json, "engaged"));
  HEAL_TRY(lever.by, get_string(json, "by"));
  HEAL_TRY(lever.reason, get_string(json, "reason"));
  HEAL_TRY(lever.since, get_optional_time(json, "since"));
  return lever;
}

Result<Pause> parse_pause(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Pause pause;
  HEAL_TRY(pause.name, get_string(json, "name"));
  HEAL_TRY(pause.by, get_string(json, "by"));
  HEAL_TRY(pause.reason, get_string(json, "reason"));
  HEAL_TRY(pause.since, get_time(json, "since"));
  HEAL_TRY(pause.until, get_optional_time(json, "until"));
  return pause;
}

Result<Storm> parse_storm(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Storm storm;
  HEAL_TRY(storm.since, get_time(json, "since"));
  HEAL_TRY(storm.until, get_time(json, "until"));
  HEAL_TRY(const auto incidents, get_int(json, "incidents"));
  storm.incidents = static_cast<std::size_t>(incidents);
  return storm;
}

Result<Breaker> parse_breaker(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Breaker breaker;
  HEAL_TRY(breaker.playbook, get_string(json, "playbook"));
  HEAL_TRY(breaker.target, get_string(json, "target"));
  HEAL_TRY(breaker.reason, get_string(json, "reason"));
  HEAL_TRY(breaker.message, get_string(json, "message"));
  HEAL_TRY(breaker.incident_id, get_string(json, "incident"));
  HEAL_TRY(breaker.opened_at, get_time(json, "opened_at"));
  return breaker;
}

Result<Truncation> parse_truncation(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Truncation truncation;
  HEAL_TRY(truncation.group, get_string(json, "group"));
  HEAL_TRY(truncation.receiver, get_string(json, "receiver"));
  HEAL_TRY(const auto sender, get_optional_string(json, "sender"));  // versions before this one did not tell
  truncation.sender = sender.value_or("");
  HEAL_TRY(const auto alerts, get_int(json, "alerts"));
  truncation.alerts = static_cast<std::uint64_t>(alerts);
  HEAL_TRY(const auto total, get_optional_int(json, "total"));
  truncation.total =
      total ? static_cast<std::uint64_t>(*total) : std::numeric_limits<std::int64_t>::max();  // no twin knows as many
  HEAL_TRY(truncation.at, get_time(json, "at"));
  HEAL_TRY(truncation.is_over, get_bool(json, "is_over"));
  return truncation;
}

Result<ControlState> read_state(Store& store) {
  ControlState state;
  HEAL_TRY(const auto lever, store.value(std::string(kLeverKey)));
  if (lever) {
    HEAL_TRY(state.lever, parse_lever(*lever).with_context("stored value {}", kLeverKey));
  }
  HEAL_TRY(const auto storm, store.value(std::string(kStormKey)));
  if (storm) {
    HEAL_TRY(state.storm, parse_storm(*storm).with_context("stored value {}", kStormKey));
  }
  HEAL_TRY(const auto pauses, store.values(std::string(kPausePrefix)));
  for (const auto& [key, text] : pauses) {
    HEAL_TRY(auto pause, parse_pause(text).with_context("stored value {}", key));
    state.pauses.insert_or_assign(pause.name, std::move(pause));
  }
  HEAL_TRY(const auto breakers, store.values(std::string(kBreakerPrefix)));
  for (const auto& [key, text] : breakers) {
    HEAL_TRY(auto breaker, parse_breaker(text).with_context("stored value {}", key));
    state.breakers.insert_or_assign(breaker.key(), std::move(breaker));
  }
  HEAL_TRY(const auto truncations, store.values(std::string(kTruncationPrefix)));
  for (const auto& [key, text] : truncations) {
    HEAL_TRY(auto truncation, parse_truncation(text).with_context("stored value {}", key));
    state.truncations.emplace(key.substr(kTruncationPrefix.size()), std::move(truncation));
  }
  return state;
}

}  // namespace

const Breaker* ControlState::breaker(const std::string& playbook, const std::string& target) const {
  const auto it = breakers.find(playbook + "/" + target);
  return it == breakers.end() ? nullptr : &it->second;
}

Controls::Controls() : committed_(std::make_shared<const ControlState>()), published_(committed_) {}

Status Controls::load(Store& store, WallTime since) {
  HEAL_TRY(auto state, read_state(store));
  committed_ = std::make_shared<const ControlState>(std::move(state));
  published_.set(committed_);
  IncidentQuery query;
  query.since = since;
  query.limit = kIncidentsPage;
  HEAL_TRY(const auto incidents, store.incidents(query));
  for (auto it = incidents.rbegin(); it != incidents.rend(); ++it) {
    if (it->target && it->state != IncidentState::kUnmatched && it->times.detected_at)
      recent_.push_back({*it->times.detected_at, it->target->str()});
  }
  recent_committed_ = recent_.size();
  recount();
  return {};
}

ControlState& Controls::edit() {
  if (!draft_) draft_ = *committed_;
  return *draft_;
}

void Controls::note_incident(const std::string& target, WallTime at) {
  recent_.push_back({at, target});
  count_newest(recent_.back());
}

void Controls::count_newest(const RecentIncident& incident) {
  const auto [it, is_new] = newest_.try_emplace(incident.target, incident.at);
  if (!is_new) {
    if (it->second >= incident.at) return;
    newest_times_.erase(std::lower_bound(newest_times_.begin(), newest_times_.end(), it->second));
    it->second = incident.at;
  }
  newest_times_.insert(std::upper_bound(newest_times_.begin(), newest_times_.end(), incident.at), incident.at);
}

void Controls::recount() {
  newest_.clear();
  newest_times_.clear();
  for (const auto& incident : recent_)
    count_newest(incident);
}

std::size_t Controls::recent_targets(WallTime now, Duration window) const {
  // One in the future is one that a clock set back has left there.
  const auto first = std::upper_bound(newest_times_.begin(), newest_times_.end(), now - window);
  return static_cast<std::size_t>(newest_times_.end() - first) + unseen(now, window);
}

std::size_t Controls::unseen(WallTime now, Duration window) const {
  std::uint64_t most = 0;
  for (const auto& [group, truncation] : state().truncations) {
    if (truncation.at > now - window) most = std::max(most, truncation.alerts);
  }
  return most;
}

void Controls::bring_recent_forward(Duration by) {
  for (auto& incident : recent_)
    incident.at -= by;
  recount();
}

void Controls::commit(WallTime now) {
  const WallTime oldest = now - playbook::kLongestStormWindow;
  const auto is_over = [&] { return recent_.size() > kMostRecent || recent_.front().at <= oldest; };
  while (!recent_.empty() && is_over()) {
    const RecentIncident& gone = recent_.front();
    if (const auto it = newest_.find(gone.target); it != newest_.end() && it->second == gone.at) {
      newest_times_.erase(std::lower_bound(newest_times_.begin(), newest_times_.end(), gone.at));
      newest_.erase(it);
    }
    recent_.pop_front();
  }
  recent_committed_ = recent_.size();
  if (!draft_) return;
  committed_ = std::make_shared<const ControlState>(std::move(*draft_));
  draft_.reset();
  published_.set(committed_);
}

void Controls::rollback() {
  draft_.reset();
  if (recent_.size() == recent_committed_) return;
  recent_.resize(recent_committed_);
  recount();
}

Json to_json(const Lever& lever) {
  return {
      {"engaged", lever.is_engaged}, {"by", lever.by}, {"reason", lever.reason}, {"since", to_json_value(lever.since)}};
}

Json to_json(const Pause& pause) {
  return {{"name", pause.name},
          {"by", pause.by},
          {"reason", pause.reason},
          {"since", format_rfc3339_nano(pause.since)},
          {"until", to_json_value(pause.until)}};
}

Json to_json(const Storm& storm) {
  return {{"since", format_rfc3339_nano(storm.since)},
          {"until", format_rfc3339_nano(storm.until)},
          {"incidents", storm.incidents}};
}

Json to_json(const Breaker& breaker) {
  return {{"playbook", breaker.playbook},    {"target", breaker.target},
          {"reason", breaker.reason},        {"message", breaker.message},
          {"incident", breaker.incident_id}, {"opened_at", format_rfc3339_nano(breaker.opened_at)}};
}

Json to_json(const Truncation& truncation) {
  return {{"group", truncation.group},    {"receiver", truncation.receiver}, {"sender", truncation.sender},
          {"alerts", truncation.alerts},  {"total", truncation.total},       {"at", format_rfc3339_nano(truncation.at)},
          {"is_over", truncation.is_over}};
}

}  // namespace heal::remedy
