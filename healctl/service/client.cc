#include "healctl/service/client.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/error_json.h"
#include "common/wire/json.h"
#include "healctl/direct/settings.h"

namespace heal::ctl {
namespace {

constexpr Duration kLookTimeout = 10s;
/// A container may take its time to stop, and the service answers when it has.
constexpr Duration kChangeTimeout = 60s;

std::optional<ErrorCode> code_of_status(int status) {
  switch (status) {
    case 400:
    case 422:
      return ErrorCode::kInvalid;
    case 401:
      return ErrorCode::kUnauthorized;
    case 403:
      return ErrorCode::kRefused;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 413:
      return ErrorCode::kTooLarge;
    case 500:
      return ErrorCode::kInternal;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return std::nullopt;
  }
}

/// What an answer other than 2xx says, and whether it is in the service's own form. Only the service's own form of
/// error counts: whoever else answers there must not be mistaken for it.
Error error_of(const HttpClientResponse& response, bool& is_ours) {
  is_ours = true;
  if (response.status == 401) return Error(ErrorCode::kUnauthorized, "credentials are missing or wrong");
  const auto json = parse_json(response.body);
  const auto* error = json ? find_member(*json, "error") : nullptr;
  const auto by_status = code_of_status(response.status);
  if (error == nullptr || !by_status) {
    is_ours = false;
    return make_error(ErrorCode::kProtocol, "answered {}, and not as heal-webhook does", response.status);
  }
  const auto message = get_string(*error, "message", "/error").value_or("no reason was given");
  const auto name = get_string(*error, "code", "/error").value_or("");
  // Who may not do it may have been told so under another name; to the caller it is a refusal.
  const auto by_name = response.status == 403 ? std::nullopt : parse_error_code(name);
  return Error(by_name.value_or(*by_status), printable(message, 2000));
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    out += unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

HttpClientRequest ServiceClient::request(std::string method, const std::string& path, const Query& query) const {
  HttpClientRequest request;
  request.method = std::move(method);
  request.url = settings_.server + "/api/v1" + path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    request.url += fmt::format("{}{}={}", separator, percent_encode(name), percent_encode(value));
    separator = '&';
  }
  request.headers.emplace_back("Accept", "application/json");
  if (!settings_.keeper_folder.empty()) request.unix_socket = keeper_socket(settings_.keeper_folder);
  if (settings_.username) request.basic_auth.emplace(*settings_.username, settings_.password);
  request.ca_file = settings_.ca_file;
  return request;
}

Error ServiceClient::with_request(Error error, const HttpClientRequest& request) const {
  return std::move(error).with_context("{} {}", request.method, request.url);
}

Result<HttpClientResponse> ServiceClient::ask(const HttpClientRequest& request, Duration patience) {
  was_answered_ = false;
  auto response = http_.send(request, clock_.deadline_in(patience), stop_);
  if (response && !response->ok()) return with_request(error_of(*response, was_answered_), request);
  return response;
}

Result<Json> ServiceClient::exchange(const HttpClientRequest& request, Duration patience) {
  HEAL_TRY(const HttpClientResponse response, ask(request, patience));
  auto json = parse_json(response.body);
  if (!json) {
    return with_request(make_error(ErrorCode::kProtocol, "the answer is not JSON: {}", json.error().message()),
                        request);
  }
  if (!json->is_object()) {
    return with_request(make_error(ErrorCode::kProtocol, "the answer is no object but {}", json_type_name(*json)),
                        request);
  }
  return json;
}

Result<Json> ServiceClient::get(const std::string& path, const Query& query) {
  return exchange(request("GET", path, query), settings_.timeout.value_or(kLookTimeout));
}

Result<Json> ServiceClient::post(const std::string& path, const Json& body) {
  return send(request("POST", path, {}), body);
}

Result<Json> ServiceClient::post(const std::string& path, const Json& body, Duration patience) {
  return exchange(with_body(request("POST", path, {}), body), std::max(patience, settings_.timeout.value_or(patience)));
}

Result<std::string> ServiceClient::post_for_bytes(const std::string& path, const Json& body) {
  HEAL_TRY(auto response, ask(with_body(request("POST", path, {}), body), settings_.timeout.value_or(kChangeTimeout)));
  return std::move(response.body);
}

Result<Json> ServiceClient::put(const std::string& path, const Json& body) {
  return send(request("PUT", path, {}), body);
}

HttpClientRequest ServiceClient::with_body(HttpClientRequest request, const Json& body) {
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = dump(body);
  return request;
}

Result<Json> ServiceClient::send(HttpClientRequest request, const Json& body) {
  return exchange(with_body(std::move(request), body), settings_.timeout.value_or(kChangeTimeout));
}

Result<Json> ServiceClient::remove(const std::string& path) {
  return exchange(request("DELETE", path, {}), settings_.timeout.value_or(kChangeTimeout));
}

Status ServiceClient::stream(const std::string& path, HttpHeaders headers, const ChunkSink& sink, Deadline deadline) {
  auto streamed = request("GET", path, {});
  streamed.headers = std::move(headers);
  streamed.headers.emplace_back("Accept", "text/event-stream");
  auto response = http_.stream(streamed, sink, deadline, stop_);
  if (!response) return std::move(response).error();
  if (!response->ok()) return with_request(error_of(*response, was_answered_), streamed);
  return {};
}

}  // namespace heal::ctl
