#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/source_span.h"

namespace heal {

/// Why something could not be done or found out. A closed set: it is also the `reason` label of metrics.
enum class ErrorCode {
  kInvalid,       ///< bad input: a file, a flag, a payload
  kNotFound,      ///< the thing named does not exist
  kConflict,      ///< exists already, or is in a state that forbids it
  kRefused,       ///< a rule of ours forbids it (inventory, allow-list, guard), or who was asked says no
  kUnauthorized,  ///< credentials missing or wrong
  kTooLarge,      ///< over a declared limit
  kUnreachable,   ///< could not reach it: nothing was sent; trying again may help
  kUnavailable,   ///< it broke off, or says that it cannot now; what was sent may have been done
  kTimeout,       ///< the deadline passed; the outcome may be unknown
  kCancelled,     ///< a stop was requested
  kProtocol,      ///< the other side answered something that its protocol does not allow
  kStorage,       ///< the store or the disk failed
  kInternal,      ///< a bug of ours or an operating-system failure that has no better name
};

/// The code's name in lower case with underscores, e.g. "not_found".
std::string_view to_string(ErrorCode code);

/// Something that could not be done or found out. A failed probe or an unverified heal is not an Error but data.
/// Value type; `message` is lower case without a full stop and never holds a secret.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::optional<SourceSpan>& span() const { return span_; }

  /// This error said to have happened while doing `format(args…)`; the newest context is printed first.
  template <typename... Args>
  Error with_context(fmt::format_string<Args...> format, Args&&... args) && {
    context_.push_back(fmt::format(format, std::forward<Args>(args)...));
    return std::move(*this);
  }
  Error at(SourceSpan span) && {
    span_ = std::move(span);
    return std::move(*this);
  }

  /// `file:line:col: outer context: inner context: message`.
  std::string str() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> context_;
  std::optional<SourceSpan> span_;
};

/// An Error whose message is formatted.
template <typename... Args>
Error make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// An Error for a failed system call: `what: strerror(errno_value)`. ENOENT, EACCES, ENOSPC, ECONNREFUSED and the like
/// get the code that fits; everything else is kInternal.
Error errno_error(int errno_value, std::string_view what);

}  // namespace heal
