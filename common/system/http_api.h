#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "common/port/http_client.h"

namespace heal {

/// Where another program's HTTP API is, and how to be let in.
struct ApiEndpoint {
  std::string url;  ///< `http://host:port`, with a path when it runs behind a prefix
  std::optional<std::pair<std::string, std::string>> basic_auth;  ///< user, password; never logged
  std::optional<std::string> ca_file;
  bool insecure_skip_verify = false;

  bool operator==(const ApiEndpoint&) const = default;
};

/// A request for `path` (which begins with a slash) of the API.
HttpClientRequest api_request(const ApiEndpoint& endpoint, std::string_view method, std::string_view path);

/// The Error for an answer that is no success, with the answer's own words: kUnauthorized (401, 403), kInvalid (other
/// 4xx), kUnavailable (5xx), kProtocol (the rest). `who` names the program.
Error api_error(std::string_view who, const HttpClientResponse& answer);

}  // namespace heal
