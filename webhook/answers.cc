#include "webhook/answers.h"

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

}  // namespace heal::webhook
