#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"

namespace heal::rehearsal {

/// HAProxy as its runtime API shows it: servers that are ready, drained or in maintenance, and their weights. It sends
/// nobody anywhere. Thread-safe.
class Balancer {
 public:
  /// `servers`: `backend/server`, ready, with weight 100.
  explicit Balancer(const std::vector<std::string>& servers);

  /// Answers `show servers state BACKEND` and `set server BACKEND/SERVER state|weight VALUE`; anything else is unknown.
  std::string answer(std::string_view request);

 private:
  struct Server {
    std::string state = "ready";
    std::int64_t weight = 100;
  };
  std::string show(std::string_view backend) HEAL_REQUIRES(mutex_);

  Mutex mutex_;
  std::map<std::string, Server, std::less<>> servers_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::rehearsal
