#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace heal::demo {

/// How the demo API misbehaves; a default-constructed one behaves well.
struct Modes {
  Duration slow{};              ///< every answer but /metrics and /-/… comes so much later; at most 30 s
  double errors = 0;            ///< share of /api requests that are answered 500, 0 to 1
  bool healthy = true;          ///< false: /health answers 503
  bool silent = false;          ///< nothing is logged any more
  std::int64_t memory_mib = 0;  ///< held in memory beside what is needed, 0 to 1024

  bool operator==(const Modes&) const = default;
};

/// Modes as JSON text: `{"errors":0.5,"healthy":true,"memory_mib":0,"silent":false,"slow":"0s"}`.
std::string to_json(const Modes& modes);

/// `base` with what the JSON object `text` names changed; kInvalid with the place for anything unknown or out of range.
Result<Modes> parse_modes(std::string_view text, const Modes& base);

/// The modes in force, and the memory that they hold. Thread-safe.
class ModeSwitch {
 public:
  Modes get() const;
  /// Comes into force at once; memory is touched, so that it counts as used.
  void set(const Modes& modes);

 private:
  mutable Mutex mutex_;
  Modes modes_ HEAL_GUARDED_BY(mutex_);
  std::string ballast_ HEAL_GUARDED_BY(mutex_);
};

/// Spreads errors evenly: of `n` requests, `share * n` rounded down fail, whatever came before. Thread-safe.
class ErrorShare {
 public:
  /// Whether this request is one of those that fail.
  bool next(double share);

 private:
  Mutex mutex_;
  double owed_ HEAL_GUARDED_BY(mutex_) = 0;
};

}  // namespace heal::demo
