#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/model/container.h"
#include "webhook/actuator/config.h"

namespace heal::actuator {

/// A yes, and how often it holds.
struct Allowance {
  std::string rule;  ///< which rule said it: `allow 1`, `faults`
  RateLimit rate;
};

/// The configuration as an answer to "may this be done to that container?". Pure, immutable, thread-safe.
class Policy {
 public:
  /// `own_container`: id, or beginning of one, of the container that we run in; "" for none.
  Policy(ActuatorConfig config, std::string own_container)
      : config_(std::move(config)), own_container_(std::move(own_container)) {}

  const ActuatorConfig& config() const { return config_; }

  /// Looks at id, name, image and labels alone. Protection wins over every rule; then the first rule that allows it.
  std::variant<Allowance, Refusal> decide(Verb verb, const ContainerInfo& container) const;
  /// Whether `program` may be run in `container`; the same order of rules.
  std::variant<Allowance, Refusal> decide_exec(std::string_view program, const ContainerInfo& container) const;
  /// Why a container must not be acted on under this name; "" when it may.
  std::string protection_of_name(std::string_view name) const {
    return is_protected_word(name) ? "its name is protected" : "";
  }
  bool allows(Verb verb, const ContainerInfo& container) const {
    return std::holds_alternative<Allowance>(decide(verb, container));
  }
  /// Why no fault may break the network of `victim`, which is that of all who share it: each must have agreed, as they
  /// do to faults of their own; nullopt when it may. `verb` of the victim was allowed; `all`: the engine's whole list.
  std::optional<Refusal> refuse_broken_network(Verb verb, const ContainerInfo& victim,
                                               const std::vector<ContainerInfo>& all) const;
  /// Whether faults may cut a container off from this network.
  bool may_cut(std::string_view network) const;

 private:
  /// Whether `verb` meets a helper or holder of ours. Lists show the id of an image whose name stands for another one
  /// by now: there name and role are enough.
  bool is_helper(Verb verb, const ContainerInfo& container) const;
  /// Why the container is protected; "" when it is not.
  std::string protection(const ContainerInfo& container) const;
  /// Why a fault of a network that `container` shares may not be; "" when it may.
  std::string objection_of(const ContainerInfo& container) const;
  bool is_protected_word(std::string_view word) const;

  const ActuatorConfig config_;
  const std::string own_container_;
};

}  // namespace heal::actuator
