#include "exporter/watch_state.h"

#include <functional>

namespace heal::exporter {
namespace {

void write_number(ExpositionWriter& out, const std::vector<WatchState>& states, std::string_view name, MetricType type,
                  std::string_view help, const std::function<std::optional<double>(const WatchState&)>& number) {
  out.family(name, type, help);
  for (const WatchState& state : states) {
    const std::optional<double> value = number(state);
    if (value) out.sample(name, *value, {{"watch", state.watch}, {"engine", state.engine}});
  }
}

}  // namespace

void WatchState::succeeded(WallTime now, Duration duration) {
  up = true;
  reason.clear();
  last_success = now;
  took = duration;
}

bool WatchState::failed(const Error& error, Duration duration) {
  const bool news = up || failures == 0;
  up = false;
  reason = to_string(error.code());
  took = duration;
  failures += 1;
  return news;
}

void write_watch_states(const std::vector<WatchState>& states, ExpositionWriter& out) {
  if (states.empty()) return;
  write_number(out, states, "heal_watch_up", MetricType::kGauge, "1 when the last look succeeded.",
               [](const WatchState& s) { return std::optional(s.up ? 1.0 : 0.0); });
  constexpr std::string_view kReason = "heal_watch_failure_info";
  out.family(kReason, MetricType::kGauge, "Why the last look failed; absent when it did not. Always 1.");
  for (const WatchState& state : states) {
    if (!state.reason.empty())
      out.sample(kReason, 1, {{"watch", state.watch}, {"engine", state.engine}, {"reason", state.reason}});
  }
  write_number(out, states, "heal_watch_last_success_timestamp_seconds", MetricType::kGauge,
               "When a look last succeeded.", [](const WatchState& s) {
                 return s.last_success ? std::optional(to_unix_seconds(*s.last_success)) : std::nullopt;
               });
  write_number(out, states, "heal_watch_duration_seconds", MetricType::kGauge, "How long the last look took.",
               [](const WatchState& s) { return std::optional(to_seconds(s.took)); });
  write_number(out, states, "heal_watch_failures_total", MetricType::kCounter, "Looks that failed.",
               [](const WatchState& s) { return std::optional(static_cast<double>(s.failures)); });
}

}  // namespace heal::exporter
