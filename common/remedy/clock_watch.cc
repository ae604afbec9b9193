#include "common/remedy/clock_watch.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr Duration kMarkEvery = 1s;

void bring_forward(std::optional<WallTime>& time, Duration by) {
  if (time) *time -= by;
}

void bring_forward(Progress& progress, Duration by) {
  bring_forward(progress.wake_at, by);
  bring_forward(progress.held_since, by);
  bring_forward(progress.settle_at, by);
  bring_forward(progress.stepped_at, by);
  bring_forward(progress.after_until, by);
  bring_forward(progress.paged_at, by);
  if (progress.approval) progress.approval->expires_at -= by;
}

}  // namespace

ClockWatch::ClockWatch(Clock& clock) : clock_(clock), wall_(clock.now()), steady_(clock.steady_now()) {}

Duration ClockWatch::set_back() {
  const Duration behind = expected() - clock_.now();
  if (behind > kClockPatience) return behind;
  // Forward is no harm: a clock that was wrong and is put right.
  if (behind < Duration{}) taken();
  return Duration{};
}

WallTime ClockWatch::expected() const {
  return wall_ + (clock_.steady_now() - steady_);
}

WallTime ClockWatch::now() const {
  return std::max(clock_.now(), expected());
}

void ClockWatch::taken() {
  wall_ = clock_.now();
  steady_ = clock_.steady_now();
}

std::optional<WallTime> ClockWatch::due_mark() {
  const SteadyTime now = clock_.steady_now();
  if (marked_at_ && now - *marked_at_ < kMarkEvery) return std::nullopt;
  marked_at_ = now;
  return clock_.now();
}

Result<Duration> set_back_since(Store& store, WallTime now) {
  HEAL_TRY(const auto text, store.value(std::string(kClockKey)));
  if (!text) return Duration{};
  HEAL_TRY(const auto seen, parse_rfc3339(*text));
  const Duration behind = seen ? *seen - now : Duration{};
  return behind > kClockPatience ? behind : Duration{};
}

void make_up_for(Ledger& ledger, Duration by) {
  std::vector<std::string> ids;
  for (const auto& [id, open] : ledger.open())
    ids.push_back(id);
  for (const auto& id : ids)
    bring_forward(ledger.edit(id).progress, by);
  ledger.bring_forward(by);
  ledger.append("", "clock_set_back",
                fmt::format("the clock was set back by {}: what waits goes on waiting for as long as it had to",
                            format_duration(std::chrono::floor<std::chrono::seconds>(by))),
                {{"seconds", to_seconds(by)}});
}

}  // namespace heal::remedy
