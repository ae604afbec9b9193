#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal {

using Duration = std::chrono::nanoseconds;
/// UTC wall-clock time: for showing and storing, never for measuring.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
/// Monotonic time: for measuring and waiting, never for storing.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
/// The moment at which something must have ended.
using Deadline = SteadyTime;

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): durations are written as 5s everywhere

/// A duration in Prometheus' grammar: `1d12h`, `5m`, `30s`, `250ms`, units y w d h m s ms in falling order, each once;
/// `0` alone needs no unit. Source: prometheus/common model.ParseDuration.
Result<Duration> parse_duration(std::string_view text);

/// A duration in Go's grammar, as blackbox.yml has it: `1.5s`, `1m30s`, `100us`, signed, no days. Source:
/// time.ParseDuration.
Result<Duration> parse_go_duration(std::string_view text);

/// Prometheus' spelling, to the millisecond: `1m30s`, `250ms`, `0s`. What is below a millisecond is cut.
std::string format_duration(Duration duration);

/// For people: `1.21s`, `350ms`, `2m05s`, `3h12m`.
std::string format_duration_short(Duration duration);

/// Seconds as a number, for metrics and JSON.
double to_seconds(Duration duration);
/// The nearest representable duration; saturates.
Duration from_seconds(double seconds);

/// An RFC 3339 time with 0 to 9 fraction digits and any offset, in the years 1678 to 2261. Year 1, which Go programs
/// send for "no time", gives nullopt. Everything else is an Error.
Result<std::optional<WallTime>> parse_rfc3339(std::string_view text);

/// `2030-01-02T03:04:05.006Z`: UTC, millisecond precision, always three digits.
std::string format_rfc3339(WallTime time);
/// `2030-01-02T03:04:05.006123456Z`: UTC, nanoseconds without trailing zeros, none when whole (Go's RFC3339Nano).
/// Lossless.
std::string format_rfc3339_nano(WallTime time);

/// Seconds since the epoch as a number, for metrics.
double to_unix_seconds(WallTime time);

}  // namespace heal
