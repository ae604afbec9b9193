#include "common/rehearsal/compare.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace heal::rehearsal {
namespace {

std::string list_of(const std::vector<std::string>& items) {
  return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", "));
}

std::string text_of(const ExpectedTime& time) {
  if (time.is_never) return "never";
  if (time.from == time.to) return format_duration(time.from);
  return fmt::format("{} to {}", format_duration(time.from), format_duration(time.to));
}

std::string text_of(const ObservedIncident& incident) {
  return fmt::format("{} on {}: {}", incident.alert, incident.target.empty() ? "no target" : incident.target,
                     incident.state);
}

/// A moment before the beginning has a minus.
std::string moment(Duration at) {
  return at < Duration{} ? "-" + format_duration(-at) : format_duration(at);
}

/// To the millisecond, as it is written.
bool is_within(const ExpectedTime& expected, Duration at) {
  constexpr auto kGrain = std::chrono::milliseconds(1);
  return at + kGrain > expected.from && at < expected.to + kGrain;
}

std::vector<std::string> names_of(const std::vector<ObservedStep>& steps) {
  std::vector<std::string> out;
  for (const ObservedStep& step : steps)
    out.push_back(fmt::format("{}{}: {}", step.role == "step" ? "" : step.role + " ", step.name, step.outcome));
  return out;
}
std::vector<std::string> names_of(const std::vector<ExpectedStep>& steps) {
  std::vector<std::string> out;
  for (const ExpectedStep& step : steps)
    out.push_back(fmt::format("{}{}: {}", step.role == "step" ? "" : step.role + " ", step.name, step.outcome));
  return out;
}

class Comparison {
 public:
  std::vector<Mismatch> run(const Expectation& expected, const Observation& seen) && {
    const std::size_t both = std::min(expected.incidents.size(), seen.incidents.size());
    if (expected.incidents.size() != seen.incidents.size()) {
      std::vector<std::string> there;
      for (const ObservedIncident& incident : seen.incidents)
        there.push_back(text_of(incident));
      note(expected.span, "incidents", fmt::format("{}", expected.incidents.size()),
           fmt::format("{}{}{}", there.size(), there.empty() ? "" : ": ", fmt::join(there, "; ")));
    }
    for (std::size_t i = 0; i < both; ++i) {
      prefix_ = fmt::format("incident {} ({}): ", i + 1, seen.incidents[i].alert);
      compare_incident(expected.incidents[i], seen.incidents[i]);
    }
    prefix_.clear();
    if (expected.calls && *expected.calls != seen.calls)
      note(expected.calls_span, "calls", list_of(*expected.calls), list_of(seen.calls));
    if (expected.alerts && sorted(*expected.alerts) != seen.alerts)
      note(expected.alerts_span, "alerts", list_of(sorted(*expected.alerts)), list_of(seen.alerts));
    return std::move(found_);
  }

 private:
  static std::vector<std::string> sorted(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
  }
  void note(const SourceSpan& span, const std::string& what, std::string expected, std::string seen) {
    found_.push_back({span, prefix_ + what, std::move(expected), std::move(seen)});
  }
  void compare_text(const ExpectedIncident& incident, const char* key, const std::optional<std::string>& expected,
                    const std::string& seen, const std::string& more = "") {
    if (!expected || *expected == seen) return;
    note(incident.spans.at(key), key, *expected, (seen.empty() ? "none" : seen) + more);
  }
  void compare_incident(const ExpectedIncident& expected, const ObservedIncident& seen) {
    compare_text(expected, "alert", expected.alert, seen.alert);
    compare_text(expected, "target", expected.target, seen.target);
    compare_text(expected, "playbook", expected.playbook, seen.playbook);
    compare_text(expected, "type", expected.type, seen.type);
    compare_text(expected, "state", expected.state, seen.state, fmt::format(" ({}: {})", seen.reason, seen.message));
    compare_text(expected, "reason", expected.reason, seen.reason, fmt::format(" ({})", seen.message));
    if (expected.decisions && *expected.decisions != seen.decisions)
      note(expected.decisions_span, "decisions", list_of(*expected.decisions), list_of(seen.decisions));
    if (expected.steps) compare_steps(expected, seen);
    for (const ExpectedTime& time : expected.times) {
      const auto found = seen.times.find(time.name);
      compare_time(time, "times: " + time.name,
                   found == seen.times.end() ? std::nullopt : std::optional(found->second));
    }
  }
  void compare_time(const ExpectedTime& expected, const std::string& what, const std::optional<Duration>& seen) {
    if (seen ? !expected.is_never && is_within(expected, *seen) : expected.is_never) return;
    note(expected.span, what, text_of(expected), seen ? moment(*seen) : "never");
  }
  void compare_steps(const ExpectedIncident& expected, const ObservedIncident& seen) {
    const auto wanted = names_of(*expected.steps), there = names_of(seen.steps);
    if (wanted != there) return note(expected.steps_span, "steps", list_of(wanted), list_of(there));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      compare_step((*expected.steps)[i], seen.steps[i]);
  }
  void compare_step(const ExpectedStep& expected, const ObservedStep& seen) {
    const std::string what = fmt::format("step {}: ", seen.name);
    if (!expected.kind.empty() && expected.kind != seen.kind)
      note(expected.span, what + "kind", expected.kind, seen.kind);
    if (!expected.target.empty() && expected.target != seen.target)
      note(expected.span, what + "target", expected.target, seen.target.empty() ? "none" : seen.target);
    for (const auto& [name, value] : expected.arguments) {
      const auto found = seen.arguments.find(name);
      if (found != seen.arguments.end() && found->second == value) continue;
      note(expected.span, what + name, value, found == seen.arguments.end() ? "no such argument" : found->second);
    }
    if (expected.at) compare_time(*expected.at, what + "at", seen.at);
  }

  std::string prefix_;
  std::vector<Mismatch> found_;
};

}  // namespace

std::vector<Mismatch> compare(const Expectation& expected, const Observation& seen) {
  return Comparison().run(expected, seen);
}

}  // namespace heal::rehearsal
