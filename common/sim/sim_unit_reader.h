#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/unit_reader.h"

namespace heal {

/// A systemd in memory, to be looked at. Thread-safe.
class SimUnitReader : public UnitReader {
 public:
  void put(const std::string& name, const SeenUnit& unit) {
    MutexLock lock(mutex_);
    units_[name] = unit;
  }
  /// Every look fails so from now on; nullopt: none does.
  void fail(std::optional<Error> error) {
    MutexLock lock(mutex_);
    failure_ = std::move(error);
  }

  Result<std::vector<SeenUnit>> units(const std::vector<std::string>& names, Deadline, std::stop_token stop) override {
    MutexLock lock(mutex_);
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "the bus: stopped");
    if (failure_) return *failure_;
    std::vector<SeenUnit> out;
    for (const std::string& name : names) {
      const auto known = units_.find(name);
      out.push_back(known == units_.end() ? SeenUnit{"not-found", "inactive", "dead", {}, {}, 0} : known->second);
    }
    return out;
  }

 private:
  Mutex mutex_;
  std::map<std::string, SeenUnit> units_ HEAL_GUARDED_BY(mutex_);
  std::optional<Error> failure_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
