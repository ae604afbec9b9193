#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/incident_times.h"
#include "common/rehearsal/reading.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::rehearsal {
namespace {

using config::MapReader;
using config::Value;

/// A moment: `10s`, `never`, or `{from: 10s, to: 12s}`.
std::optional<ExpectedTime> as_moment(const Value& value) {
  ExpectedTime out;
  out.span = value.span();
  if (value.is_scalar() && value.text() == "never") {
    out.is_never = true;
    return out;
  }
  if (!value.is_map()) {
    const auto moment = config::as_duration(value);
    if (!moment) return std::nullopt;
    out.from = out.to = *moment;
    return out;
  }
  MapReader map(value, "a moment");
  map.optional("from", out.from, config::as_duration);
  const bool has_end = map.required("to", out.to, config::as_duration);
  map.finish();
  if (!has_end) return std::nullopt;
  if (out.to < out.from) value.error("\"to\" is before \"from\"");
  return out;
}

std::vector<ExpectedTime> read_times(const Value& value) {
  MapReader map(value, "times");
  std::vector<ExpectedTime> out;
  for (const NamedTime& each : kIncidentTimes) {
    ExpectedTime time;
    if (!map.optional(each.name, time, as_moment)) continue;
    time.name = each.name;
    out.push_back(std::move(time));
  }
  map.finish();
  return out;
}

/// A scalar as it stands, or a list or map as JSON.
Json to_json(const Value& value) {
  if (value.is_list()) {
    Json out = Json::array();
    for (const Value& item : value.items())
      out.push_back(to_json(item));
    return out;
  }
  if (value.is_map()) {
    Json out = Json::object();
    for (const auto& entry : value.node().entries)
      out[entry.key] = to_json(value.child(entry));
    return out;
  }
  return value.text();
}

std::optional<std::map<std::string, std::string>> as_arguments(const Value& value) {
  if (!value.is_map()) {
    value.must_be("a map of arguments");
    return std::nullopt;
  }
  std::map<std::string, std::string> out;
  for (const auto& entry : value.node().entries) {
    const Value argument = value.child(entry);
    out[entry.key] = argument.is_scalar() ? argument.text() : dump(to_json(argument));
  }
  return out;
}

std::optional<ExpectedStep> as_step(const Value& value) {
  ExpectedStep out;
  out.span = value.span();
  if (value.is_scalar()) {
    out.name = value.text();
    return out;
  }
  MapReader map(value, "an expected step");
  map.required("step", out.name, config::as_nonempty_string);
  map.optional("role", out.role,
               config::as_enum<std::string>({{"step", "step"}, {"undo", "undo"}, {"on_resolved", "on_resolved"}}));
  map.optional("kind", out.kind, config::as_nonempty_string);
  map.optional("target", out.target, config::as_nonempty_string);
  map.optional("arguments", out.arguments, as_arguments);
  std::vector<std::pair<std::string, std::string>> outcomes;
  for (const auto& word : remedy::words::step_outcomes())
    outcomes.emplace_back(word, word);
  if (out.role == "undo") out.outcome = remedy::words::kUndone;
  map.optional("outcome", out.outcome, config::as_enum<std::string>(std::move(outcomes)));
  ExpectedTime at;
  if (map.optional("at", at, as_moment)) out.at = std::move(at);
  map.finish();
  return out;
}

std::optional<std::string> as_state(const Value& value) {
  if (value.is_scalar() && parse_incident_state(value.text())) return value.text();
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(IncidentState::kClosed); ++i)
    names.emplace_back(to_string(static_cast<IncidentState>(i)));
  config::report_unknown_word(value, names);
  return std::nullopt;
}

std::optional<ExpectedIncident> as_incident(const Value& value) {
  MapReader map(value, "an expected incident");
  ExpectedIncident out;
  out.span = value.span();
  const auto text = [&](const char* key, std::optional<std::string>& into, auto decode) {
    std::string read;
    if (!map.optional(key, read, decode)) return;
    into = std::move(read);
    out.spans[key] = map.find(key)->span();
  };
  text("alert", out.alert, config::as_nonempty_string);
  text("target", out.target, config::as_nonempty_string);
  text("playbook", out.playbook, config::as_nonempty_string);
  text("state", out.state, as_state);
  text("reason", out.reason, config::as_nonempty_string);
  text("type", out.type, config::as_nonempty_string);
  if (const auto list = map.find("decisions")) {
    out.decisions = config::as_list(as_decision)(*list);
    out.decisions_span = list->span();
  }
  if (const auto list = map.find("steps")) {
    out.steps = config::as_list(as_step)(*list);
    out.steps_span = list->span();
  }
  if (const auto times = map.find("times")) out.times = read_times(*times);
  map.finish();
  return out;
}

}  // namespace

std::optional<std::string> as_decision(const Value& value) {
  const auto words = split(value.text(), ' ');
  const auto results = remedy::words::decision_results();
  auto guards = remedy::words::guards();
  std::erase(guards, remedy::words::kNoGuard);
  const auto is_in = [](const std::vector<std::string>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  if (!value.is_scalar() || words.empty() || !is_in(results, words[0])) {
    value.must_be(
        fmt::format("a decision: one of {}, and which guard said so, as \"hold cooldown\"", fmt::join(results, ", ")));
    return std::nullopt;
  }
  const bool is_allowed = words[0] == remedy::words::kAllow;
  if (is_allowed && words.size() == 1) return value.text();
  if (!is_allowed && words.size() == 2 && is_in(guards, words[1])) return value.text();
  value.error(is_allowed ? "no guard stands behind \"allow\""
                         : fmt::format("who said \"{}\" is missing or unknown", printable(value.text(), 60)),
              is_allowed ? "" : fmt::format("a guard or stage: {}", fmt::join(guards, ", ")));
  return std::nullopt;
}

std::optional<Expectation> read_expectation(const Value& value) {
  MapReader map(value, "the expectation");
  Expectation out;
  out.span = value.span();
  Duration after{};
  if (map.optional("after", after, config::as_duration)) out.after = after;
  map.required("incidents", out.incidents, config::as_list(as_incident));
  if (const auto list = map.find("calls")) {
    out.calls = config::as_list(config::as_nonempty_string)(*list);
    out.calls_span = list->span();
  }
  if (const auto list = map.find("alerts")) {
    out.alerts = config::as_list(config::as_nonempty_string)(*list);
    out.alerts_span = list->span();
  }
  map.finish();
  return out;
}

}  // namespace heal::rehearsal
