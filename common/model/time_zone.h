#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// Wall-clock time as people of some place write it, without saying where.
using LocalTime = std::chrono::local_time<std::chrono::seconds>;

/// A time zone of the IANA database, read from the system's compiled files (tzdata). Immutable; cheap to copy.
class TimeZone {
 public:
  /// UTC, which needs no file.
  TimeZone();
  /// `Europe/Berlin`; `UTC` always works. kInvalid for what is no name, kNotFound when the system has no such zone.
  static Result<TimeZone> load(std::string_view name, const std::string& folder = "/usr/share/zoneinfo");
  /// A TZif file's content (RFC 8536, versions 1 to 4), its footer included: no time is beyond it. kInvalid.
  static Result<TimeZone> parse(std::string name, std::string_view tzif);

  const std::string& name() const;
  /// East of UTC is positive.
  std::chrono::seconds offset_at(WallTime at) const;
  LocalTime to_local(WallTime at) const;

  /// The moments that a local time stands for: none when the clocks jumped over it, two when it came twice, else one;
  /// ascending.
  std::vector<WallTime> moments_of(LocalTime local) const;
  /// The first of them; for a time that was jumped over, the moment of the jump.
  WallTime first_moment_of(LocalTime local) const;
  /// The last of them; for a time that was jumped over, the moment of the jump.
  WallTime last_moment_of(LocalTime local) const;

  /// By name: the same name is the same zone.
  bool operator==(const TimeZone& other) const { return name() == other.name(); }

  struct Rules;

 private:
  explicit TimeZone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  WallTime jump_over(LocalTime local) const;

  std::shared_ptr<const Rules> rules_;
};

}  // namespace heal
