#include "common/base/error.h"

#include <cerrno>
#include <system_error>

namespace heal {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kUnauthorized:
      return "unauthorized";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kUnreachable:
      return "unreachable";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kProtocol:
      return "protocol";
    case ErrorCode::kStorage:
      return "storage";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

std::string SourceSpan::str() const {
  if (line == 0) return file;
  if (column == 0) return fmt::format("{}:{}", file, line);
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string Error::str() const {
  std::string out;
  if (span_) out = span_->str() + ": ";
  for (auto it = context_.rbegin(); it != context_.rend(); ++it)
    out += *it + ": ";
  return out + message_;
}

namespace {

ErrorCode code_for_errno(int errno_value) {
  switch (errno_value) {
    case ENOENT:
    case ESRCH:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
      return ErrorCode::kUnauthorized;
    case EEXIST:
    case EADDRINUSE:
      return ErrorCode::kConflict;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return ErrorCode::kUnreachable;
    case ECONNRESET:
    case EPIPE:
      return ErrorCode::kUnavailable;
    case ETIMEDOUT:
      return ErrorCode::kTimeout;
    case ECANCELED:
      return ErrorCode::kCancelled;
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EROFS:
      return ErrorCode::kStorage;
    default:
      return ErrorCode::kInternal;
  }
}

std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

Error errno_error(int errno_value, std::string_view what) {
  return make_error(code_for_errno(errno_value), "{}: {}", what,
                    lower_first(std::generic_category().message(errno_value)));
}

}  // namespace heal
