#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/time.h"
#include "common/httpd/message.h"
#include "webhook/actuator/verb.h"

namespace heal::actuator {

/// A request for Docker's API, taken apart. What goes on to the engine is written anew from this: no byte of the
/// request's path, query or headers travels further than here.
struct Call {
  Verb verb = Verb::kPing;
  std::string version;    ///< `/v1.41`, or "" when the path had none
  std::string container;  ///< a name or id, as given; "" for what is about none
  std::string network;
  std::vector<std::pair<std::string, std::string>> query;  ///< checked, decoded
  std::string body;                                        ///< not looked at yet
  Duration grace{};                                        ///< how long the engine may wait before it kills
  bool is_stream = false;                                  ///< answers piece by piece, possibly without an end

  bool operator==(const Call&) const = default;
};

/// Takes `request` apart, or says why it may not pass. Only plain paths: no percent signs, dots as segments or doubled
/// slashes. Only the query parameters that the call's line of the README names, each once. Pure.
std::variant<Call, Refusal> parse_call(const httpd::HttpRequest& request);

/// `GET`, `POST` or `DELETE`.
std::string engine_method(Verb verb);
/// What the engine is asked instead: the same call with `id` (64 hex digits) in the container's place.
std::string engine_path(const Call& call, const std::string& id);

}  // namespace heal::actuator
