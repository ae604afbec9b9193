#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "webhook/actuator/call.h"
#include "webhook/actuator/config.h"

namespace heal::actuator {

/// The body of a network call, taken apart.
struct NetworkBody {
  std::string container;  ///< as given
  std::string endpoint;   ///< JSON of the endpoint's settings; "" for none
};

/// Anything but what taking a container out of a network and putting it back needs is refused. Pure.
std::variant<NetworkBody, Refusal> parse_network_body(const Call& call);
/// The body that goes on to the engine, for the container with this id.
std::string write_network_body(const Call& call, const NetworkBody& body, const std::string& id);

/// The body of `update`, written anew: limits of memory, CPUs and processes, nothing else. Pure.
std::variant<std::string, Refusal> parse_update_body(const Call& call);

/// A program to be run in a container.
struct ExecBody {
  std::string program;
  std::string body;  ///< what goes on to the engine, written by us
};
/// Refuses everything but a program with arguments and variables that no loader listens to: no terminal, no input, no
/// other user, no privileges. Pure.
std::variant<ExecBody, Refusal> parse_exec_body(const Call& call);
/// The one body with which a prepared program may be started.
std::variant<std::string, Refusal> parse_exec_start(const Call& call);

/// A container that is to take the place of `name`, and what it has to join afterwards.
struct CloneRequest {
  std::string body;                                                ///< what goes on to the engine, written by us
  std::vector<std::pair<std::string, std::string>> more_networks;  ///< with their endpoint settings
};
/// Refuses every body that is not, but for the networks' passing settings, what a container like the one that
/// `inspected` shows is made of, as it is shown to clients (`hides_environment`: without Config.Env, which is filled
/// in). Pure.
enum class Environment { kShown, kHidden };
std::variant<CloneRequest, Refusal> parse_clone_request(const Call& call, const std::string& inspected,
                                                        Environment environment);

/// The containers that may be created: the helper that kills a container's main process from outside, and the holders
/// of faults.
struct HelperRequest {
  std::string container;  ///< the broken one's id, 64 hex digits
  std::int64_t pid = 0;   ///< of its main process; 0: of no matter
  bool breaks_network = false;
  std::string body;  ///< what goes on to the engine, written by us
};

/// Refuses every body that is not, member by member, a helper's own for some container and process. Pure.
std::variant<HelperRequest, Refusal> parse_helper_request(const Call& call, const FaultRules& faults);

}  // namespace heal::actuator
