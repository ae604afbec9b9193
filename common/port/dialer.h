#pragma once

#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// Opens connections, to see whether somebody listens or for one question and its answer. Thread-safe.
class Dialer {
 public:
  virtual ~Dialer() = default;
  /// Success when `address` (host:port, [v6]:port) accepted a connection, which is closed again at once. Errors:
  /// kUnreachable, kTimeout, kCancelled, kInvalid.
  virtual Status connect(const std::string& address, Deadline deadline, std::stop_token stop) = 0;

  /// What the other side says to `request` until it closes. `address` may be a stream socket `unix:/path` too. Errors
  /// as connect(), then nothing was sent; kUnavailable when the connection breaks, kTimeout and kCancelled: it may have
  /// been; kTooLarge for an answer of more than kMostAnswerBytes.
  virtual Result<std::string> exchange(const std::string& address, const std::string& request, Deadline deadline,
                                       std::stop_token stop) = 0;
  static constexpr std::size_t kMostAnswerBytes = 1 << 20;
};

}  // namespace heal
