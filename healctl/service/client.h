#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/port/clock.h"
#include "common/port/http_client.h"
#include "common/wire/json_fwd.h"
#include "healctl/settings.h"

namespace heal::ctl {

/// Name and value of one query parameter; those with an empty value are left out.
using Query = std::vector<std::pair<std::string, std::string>>;

/// `text` for use in a path or query of a URL (RFC 3986: everything but unreserved characters is escaped).
std::string percent_encode(std::string_view text);

/// heal-webhook's API under /api/v1. Not thread-safe. Errors name the request. Codes: kUnavailable (not reached, or it
/// answered that it cannot now), kTimeout (for a change: the outcome is unknown), kCancelled, kUnauthorized (401),
/// kRefused (403, or a rule said no), kConflict, kNotFound, kInvalid (the request), kProtocol (an answer that
/// heal-webhook does not give), kInternal and kStorage (the service failed).
class ServiceClient {
 public:
  /// What the client needs for as long as it lives.
  ServiceClient(HttpClient& http, Clock& clock, const Settings& settings, std::stop_token stop)
      : http_(http), clock_(clock), settings_(settings), stop_(std::move(stop)) {}

  /// The object that the service answered with. `path` is below /api/v1 and begins with a slash.
  Result<Json> get(const std::string& path, const Query& query = {});
  Result<Json> post(const std::string& path, const Json& body);
  /// The same, waiting at least `patience` for the answer.
  Result<Json> post(const std::string& path, const Json& body, Duration patience);
  /// The bytes that the service answered with.
  Result<std::string> post_for_bytes(const std::string& path, const Json& body);
  Result<Json> put(const std::string& path, const Json& body);
  Result<Json> remove(const std::string& path);

  /// Streams `path` until `deadline`, the end, or `sink` ends it.
  Status stream(const std::string& path, HttpHeaders headers, const ChunkSink& sink, Deadline deadline);

  const std::string& server() const { return settings_.server; }
  /// True when the last request got an error in heal-webhook's own form: then it is known that nothing was begun beyond
  /// what that error says. Otherwise a failed change may have been done all the same.
  bool was_answered() const { return was_answered_; }

 private:
  HttpClientRequest request(std::string method, const std::string& path, const Query& query) const;
  Result<Json> send(HttpClientRequest request, const Json& body);
  Result<Json> exchange(const HttpClientRequest& request, Duration patience);
  Result<HttpClientResponse> ask(const HttpClientRequest& request, Duration patience);
  static HttpClientRequest with_body(HttpClientRequest request, const Json& body);
  Error with_request(Error error, const HttpClientRequest& request) const;

  HttpClient& http_;
  Clock& clock_;
  const Settings& settings_;
  std::stop_token stop_;
  bool was_answered_ = false;
};

}  // namespace heal::ctl
