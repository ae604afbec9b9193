#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// A unit of systemd's as it is now.
struct SeenUnit {
  std::string load;               ///< loaded, not-found, bad-setting, error, masked
  std::string active;             ///< active, reloading, inactive, failed, activating, deactivating, maintenance
  std::string sub;                ///< running, dead, exited, auto-restart … by the unit's type
  std::optional<WallTime> since;  ///< when its state last changed; absent: never since boot
  std::optional<std::uint64_t> restarts;  ///< by systemd itself, since it was last started by hand; of services
  std::int64_t main_pid = 0;              ///< of services that run

  bool operator==(const SeenUnit&) const = default;
};

/// Asks systemd for its units. Thread-safe.
class UnitReader {
 public:
  virtual ~UnitReader() = default;
  /// The units of these names (`nginx.service`), in this order; one that systemd does not know, or takes for no name of
  /// a unit, is `not-found` and inactive. kUnreachable where there is no bus or no systemd on it, kUnauthorized where
  /// we are not let in, kTimeout, kUnavailable when the bus breaks off, kProtocol.
  virtual Result<std::vector<SeenUnit>> units(const std::vector<std::string>& names, Deadline deadline,
                                              std::stop_token stop) = 0;
};

}  // namespace heal
