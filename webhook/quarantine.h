#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/random.h"
#include "common/telemetry/logger.h"
#include "common/wire/alertmanager.h"

namespace heal::webhook {

/// How many rejected alerts of a notification are named, in the answer and in the copy.
inline constexpr std::size_t kMostListed = 100;

/// Keeps copies of what could not be understood, for a person to look at: `<folder>/<time id>.json`, the newest 100,
/// mode 0600. Thread-safe. Failing to keep a copy is logged and nothing else.
class Quarantine {
 public:
  Quarantine(std::string folder, Clock& clock, Random& random, Logger logger);

  /// A whole notification that is none; `raw` is cut to a megabyte.
  void keep(std::string_view raw, std::string_view reason, std::string_view remote) HEAL_EXCLUDES(mutex_);
  /// What a notification held beside good alerts: one copy, with place and reason of the first 100, and the texts up to
  /// a megabyte in all.
  void keep(const std::vector<RejectedAlert>& rejected, std::string_view remote) HEAL_EXCLUDES(mutex_);

 private:
  void write(const std::string& id, std::string text) HEAL_EXCLUDES(mutex_);
  void forget_old() HEAL_REQUIRES(mutex_);

  const std::string folder_;
  Clock& clock_;
  Random& random_;
  const Logger logger_;
  Mutex mutex_;
};

}  // namespace heal::webhook
