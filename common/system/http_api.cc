#include "common/system/http_api.h"

#include "common/base/text.h"

namespace heal {

HttpClientRequest api_request(const ApiEndpoint& endpoint, std::string_view method, std::string_view path) {
  HttpClientRequest request;
  request.method = std::string(method);
  request.url = endpoint.url;
  while (!request.url.empty() && request.url.back() == '/')
    request.url.pop_back();
  request.url += path;
  request.basic_auth = endpoint.basic_auth;
  request.ca_file = endpoint.ca_file;
  request.insecure_skip_verify = endpoint.insecure_skip_verify;
  return request;
}

Error api_error(std::string_view who, const HttpClientResponse& answer) {
  auto code = ErrorCode::kProtocol;
  if (answer.status == 401 || answer.status == 403) {
    code = ErrorCode::kUnauthorized;
  } else if (answer.status >= 400 && answer.status < 500) {
    code = ErrorCode::kInvalid;
  } else if (answer.status >= 500) {
    code = ErrorCode::kUnavailable;
  }
  return make_error(code, "{} answers {}: {}", who, answer.status, printable(trim(answer.body), 300));
}

}  // namespace heal
