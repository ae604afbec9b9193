#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "common/base/snapshot.h"
#include "common/httpd/responder.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/engine_connection.h"
#include "webhook/actuator/audit.h"
#include "webhook/actuator/begun.h"
#include "webhook/actuator/bodies.h"
#include "webhook/actuator/call.h"
#include "webhook/actuator/policy.h"
#include "webhook/actuator/rate_cap.h"
#include "webhook/actuator/streams.h"

namespace heal::actuator {

/// What the gateway works with. All must outlive it.
struct GatewayTools {
  Clock& clock;
  EngineConnection& connection;  ///< what passes goes here
  ContainerEngine& engine;       ///< the same engine, for finding out who a container is
  Snapshot<Policy>& policy;
  const Audit& audit;
};

/// One request after another: taken apart, its container looked up by the engine, decided, capped, passed on by id,
/// answered, and recorded. Thread-safe.
class Gateway {
 public:
  explicit Gateway(GatewayTools tools) : tools_(tools), rates_(tools.clock), begun_(tools.clock) {}
  ~Gateway() { stop(); }

  /// Answers `request`. Blocks for as long as the engine takes, except for what may take long.
  void serve(const httpd::HttpRequest& request, httpd::Responder responder);
  /// Ends streams and gives up waiting for the engine, which goes on by itself.
  void stop();
  std::size_t streams() const { return streams_.running(); }

 private:
  struct Visit;

  void serve_call(const std::shared_ptr<Visit>& visit);
  void serve_container(const std::shared_ptr<Visit>& visit, const std::string& name);
  void serve_create(const std::shared_ptr<Visit>& visit);
  void serve_network(const std::shared_ptr<Visit>& visit);
  void serve_update(const std::shared_ptr<Visit>& visit);
  void serve_exec(const std::shared_ptr<Visit>& visit);
  void serve_exec_start(const std::shared_ptr<Visit>& visit);
  void serve_exec_inspect(const std::shared_ptr<Visit>& visit);
  /// A container that is to take the place of `name`.
  void serve_clone(const std::shared_ptr<Visit>& visit, const std::string& name);
  void serve_rename(const std::shared_ptr<Visit>& visit);
  void serve_remove(const std::shared_ptr<Visit>& visit);
  /// Looks up who `name` is; nullopt when that was answered already.
  std::optional<ContainerInfo> look_up(Visit& visit, const std::string& name);
  /// Asks the policy and the rate cap; false when the refusal was answered.
  bool admit(Visit& visit, const ContainerInfo& container);
  /// The same for what was decided already; `counted` is what the rate is counted for.
  bool admit(Visit& visit, const std::variant<Allowance, Refusal>& answer, Verb verb, const std::string& counted);
  /// The same for a call that breaks the network of `victim`, and so of all who share it: this looks at all containers,
  /// those that whoever asks is not shown included.
  bool admit_network_fault(Visit& visit, const ContainerInfo& victim);
  void forward(Visit& visit, std::stop_token stop);
  /// Passes it on and gives the id in the engine's answer, after answering; "" when there is none.
  std::string forward_for_id(Visit& visit);
  /// A stop or restart that names no time gets the container's own, within max_grace; false when the failure was
  /// answered.
  bool bound_stop(Visit& visit);
  /// On a thread of its own: whoever looks must not wait behind those that wait for containers to end.
  void start_action(const std::shared_ptr<Visit>& visit);
  void start_stream(const std::shared_ptr<Visit>& visit);
  void stream(Visit& visit, const std::stop_token& stop);
  httpd::HttpResponse answer_of(const Visit& visit, HttpClientResponse answer) const;

  const GatewayTools tools_;

  RateCap rates_;
  Begun begun_;
  Streams streams_;
  Streams actions_;
  std::stop_source stopping_;
};

}  // namespace heal::actuator
