#include "webhook/answers.h"

#include <utility>

#include "common/wire/json.h"

namespace heal::webhook {
namespace {

int status_of(ErrorCode code) {
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

}  // namespace

httpd::HttpResponse answer(int status, const Json& body) {
  return httpd::HttpResponse::json(status, dump(body) + "\n");
}

httpd::HttpResponse answer_error(const Error& error) {
  const int status = status_of(error.code());
  auto response = answer(status, {{"error", {{"code", to_string(error.code())}, {"message", error.str()}}}});
  if (status == 503) response.headers.emplace_back("Retry-After", "5");
  return response;
}

httpd::HttpResponse or_error(Result<httpd::HttpResponse> response) {
  return response.has_value() ? std::move(*response) : answer_error(response.error());
}

}  // namespace heal::webhook
