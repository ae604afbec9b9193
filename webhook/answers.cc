#include "webhook/answers.h"

#include <utility>

#include "common/wire/error_json.h"
#include "common/wire/json.h"

namespace heal::webhook {
httpd::HttpResponse answer(int status, const Json& body) {
  return httpd::HttpResponse::json(status, dump(body) + "\n");
}

httpd::HttpResponse answer_error(const Error& error) {
  const int status = http_status_of(error.code());
  auto response = answer(status, error_json(error));
  if (status == 503) response.headers.emplace_back("Retry-After", "5");
  return response;
}

httpd::HttpResponse or_error(Result<httpd::HttpResponse> response) {
  return response.has_value() ? std::move(*response) : answer_error(response.error());
}

}  // namespace heal::webhook
