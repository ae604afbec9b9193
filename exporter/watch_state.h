#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/telemetry/exposition.h"

namespace heal::exporter {

/// How the looks of one watch go.
struct WatchState {
  std::string watch;   ///< docker, processes, systemd, host
  std::string engine;  ///< of docker alone
  bool up = false;     ///< the last look succeeded
  std::string reason;  ///< why it did not: an ErrorCode in words; "" before the first look
  std::optional<WallTime> last_success;
  Duration took{};  ///< the last look
  std::uint64_t failures = 0;

  void succeeded(WallTime now, Duration duration);
  /// True when it is news: the look before went well, or there was none.
  bool failed(const Error& error, Duration duration);
};

/// Writes the heal_watch_* families.
void write_watch_states(const std::vector<WatchState>& states, ExpositionWriter& out);

}  // namespace heal::exporter
