#include "common/wire/error_json.h"

#include <algorithm>
#include <array>

#include "common/wire/json.h"

namespace heal {

Json error_json(const Error& error) {
  return {{"error", {{"code", to_string(error.code())}, {"message", error.str()}}}};
}

int http_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
    case ErrorCode::kRefused:
      return 409;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kUnreachable:
    case ErrorCode::kUnavailable:
    case ErrorCode::kStorage:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
      return 503;
    default:
      return 500;
  }
}

std::optional<ErrorCode> parse_error_code(std::string_view name) {
  constexpr std::array kCodes{ErrorCode::kInvalid,     ErrorCode::kNotFound,     ErrorCode::kConflict,
                              ErrorCode::kRefused,     ErrorCode::kUnauthorized, ErrorCode::kTooLarge,
                              ErrorCode::kUnreachable, ErrorCode::kUnavailable,  ErrorCode::kTimeout,
                              ErrorCode::kStorage,     ErrorCode::kInternal};
  const auto found =
      std::find_if(kCodes.begin(), kCodes.end(), [&](ErrorCode code) { return to_string(code) == name; });
  return found == kCodes.end() ? std::nullopt : std::optional(*found);
}

}  // namespace heal
