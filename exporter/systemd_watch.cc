#include "exporter/systemd_watch.h"

#include <array>
#include <functional>
#include <utility>

namespace heal::exporter {
namespace {

constexpr std::array<std::string_view, 7> kUnitStates{"active",     "reloading",    "inactive",   "failed",
                                                      "activating", "deactivating", "maintenance"};

bool is_up(const SeenUnit& unit) {
  return unit.active == "active" || unit.active == "reloading";
}

}  // namespace

SystemdWatch::SystemdWatch(Config config, std::unique_ptr<UnitReader> reader, Clock& clock, const Logger& logger)
    : config_(std::move(config)), reader_(std::move(reader)), clock_(clock), logger_(logger.component("watch")) {
  state_.watch = "systemd";
}

void SystemdWatch::start() {
  loop_.emplace(clock_, config_.interval, [this](const std::stop_token& stop) { look(stop); });
}

void SystemdWatch::look(const std::stop_token& stop) {
  const SteadyTime begun = clock_.steady_now();
  Result<std::vector<SeenUnit>> units = reader_->units(config_.units, clock_.deadline_in(kTimeout), stop);
  if (stop.stop_requested()) return;
  const Duration took = clock_.steady_now() - begun;
  std::optional<Error> news;
  {
    MutexLock lock(mutex_);
    if (units.has_value()) {
      state_.succeeded(clock_.now(), took);
      last_success_ = clock_.steady_now();
      units_ = *std::move(units);
    } else {
      if (state_.failed(units.error(), took)) news = units.error();
      // A bus that is away for a moment is no change of any unit.
      if (clock_.steady_now() - last_success_ > kept_for(config_.interval)) units_.clear();
    }
  }
  if (news) logger_.warn("systemd does not answer", {{"bus", config_.bus}, {"err", *news}});
}

WatchState SystemdWatch::write(ExpositionWriter& out) const {
  WatchState state;
  std::vector<SeenUnit> units;
  {
    MutexLock lock(mutex_);
    state = state_;
    units = units_;
  }
  const auto family = [&](std::string_view name, MetricType type, std::string_view help,
                          const std::function<std::optional<double>(const SeenUnit&)>& number) {
    out.family(name, type, help);
    for (std::size_t i = 0; i < units.size(); ++i) {
      const std::optional<double> value = number(units[i]);
      if (value) out.sample(name, *value, {{"unit", config_.units[i]}});
    }
  };
  family("heal_unit_up", MetricType::kGauge, "1 when the unit is active or reloading.",
         [](const SeenUnit& u) { return std::optional(is_up(u) ? 1.0 : 0.0); });
  constexpr std::string_view kState = "heal_unit_state";
  out.family(kState, MetricType::kGauge, "The unit's active state, one series per state.");
  for (std::size_t i = 0; i < units.size(); ++i) {
    for (const std::string_view word : kUnitStates)
      out.sample(kState, units[i].active == word ? 1 : 0, {{"unit", config_.units[i]}, {"state", word}});
  }
  constexpr std::string_view kInfo = "heal_unit_info";
  out.family(kInfo, MetricType::kGauge, "How the unit was loaded, and its sub-state; always 1.");
  for (std::size_t i = 0; i < units.size(); ++i)
    out.sample(kInfo, 1, {{"unit", config_.units[i]}, {"load", units[i].load}, {"sub", units[i].sub}});
  family("heal_unit_restarts_total", MetricType::kCounter,
         "Restarts of the service by systemd itself since it was last started by hand.",
         [](const SeenUnit& u) { return u.restarts ? std::optional(static_cast<double>(*u.restarts)) : std::nullopt; });
  family(
      "heal_unit_main_pid", MetricType::kGauge, "Process id of the service's main process; absent when it has none.",
      [](const SeenUnit& u) { return u.main_pid > 0 ? std::optional(static_cast<double>(u.main_pid)) : std::nullopt; });
  family("heal_unit_state_change_timestamp_seconds", MetricType::kGauge, "When the unit's state last changed.",
         [](const SeenUnit& u) { return u.since ? std::optional(to_unix_seconds(*u.since)) : std::nullopt; });
  return state;
}

}  // namespace heal::exporter
