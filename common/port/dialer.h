#pragma once

#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// Opens TCP connections to see whether somebody listens. Thread-safe.
class Dialer {
 public:
  virtual ~Dialer() = default;
  /// Success when `address` (host:port, [v6]:port) accepted a connection, which is closed again at once. Errors:
  /// kUnreachable, kTimeout, kCancelled, kInvalid.
  virtual Status connect(const std::string& address, Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
