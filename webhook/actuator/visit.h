#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/wire/json.h"
#include "webhook/actuator/gateway.h"

// For the gateway's own files alone.

namespace heal::actuator {

inline constexpr Duration kLookTime = 10s;
inline constexpr std::size_t kMostBytes = 16 << 20;

/// An answer in Docker's own form.
inline httpd::HttpResponse docker_answer(int status, std::string_view message) {
  return httpd::HttpResponse::json(status, dump(Json{{"message", std::string(message)}}) + "\n");
}

/// One request on its way.
struct Gateway::Visit {
  Visit(const GatewayTools& the_tools, const httpd::HttpRequest& request, httpd::Responder the_responder)
      : tools(the_tools),
        responder(std::move(the_responder)),
        started(the_tools.clock.steady_now()),
        policy(the_tools.policy.get()) {
    decision.peer = request.peer;
  }

  void record(int status) {
    decision.status = status;
    decision.took = tools.clock.steady_now() - started;
    tools.audit.record(decision);
  }
  void finish(httpd::HttpResponse response) {
    record(response.status);
    responder.send(std::move(response));
  }
  void refuse(const Refusal& refusal, std::optional<Duration> retry_after = std::nullopt) {
    decision.reason = refusal.reason;
    decision.message = refusal.message;
    auto response = docker_answer(status_of(refusal.reason), "refused by the actuator: " + refusal.message);
    if (retry_after) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(*retry_after).count();
      response.headers.emplace_back("Retry-After", std::to_string(seconds));
    }
    finish(std::move(response));
  }
  void fail(const Error& error) {
    decision.reason = Reason::kUnavailable;
    decision.message = error.str();
    const int status = error.code() == ErrorCode::kTimeout ? 504 : status_of(Reason::kUnavailable);
    finish(docker_answer(status, decision.message));
  }

  /// Sends what was held back until more was known; nothing when it was answered already.
  void answer() {
    if (auto response = std::exchange(held_back, std::nullopt)) finish(std::move(*response));
  }

  const GatewayTools& tools;
  httpd::Responder responder;
  const SteadyTime started;
  const std::shared_ptr<const Policy> policy;
  Call call;
  std::string id;  ///< of the container, where the call is about one
  Decision decision;
  std::optional<httpd::HttpResponse> held_back;
};

}  // namespace heal::actuator
