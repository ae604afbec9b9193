#include "webhook/actuator/policy.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/image_name.h"
#include "common/model/network_sharing.h"
#include "common/port/fault_holder.h"

namespace heal::actuator {
namespace {

constexpr std::array kFaultVerbs{
    Verb::kInspect,           Verb::kStart,          Verb::kStop,  Verb::kKill, Verb::kPause, Verb::kUnpause,
    Verb::kNetworkDisconnect, Verb::kNetworkConnect, Verb::kCreate};
/// What putting a container in the place of another one takes besides what the gateway itself decides.
constexpr std::array kRecreateVerbs{Verb::kInspect, Verb::kStart, Verb::kStop};
constexpr std::array kHelperVerbs{Verb::kInspect, Verb::kList, Verb::kLogs,  Verb::kStart,
                                  Verb::kStop,    Verb::kWait, Verb::kRemove};

template <typename Verbs>
bool holds(const Verbs& verbs, Verb verb) {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

bool has_all(const Labels& wanted, const Labels& labels) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

/// `registry:5000/prom/prometheus:v2@sha256:…` -> `prometheus`.
std::string image_name(std::string_view image) {
  if (const auto slash = image.rfind('/'); slash != std::string_view::npos) image.remove_prefix(slash + 1);
  return to_lower(image.substr(0, image.find_first_of(":@")));
}

}  // namespace

bool Policy::is_protected_word(std::string_view word) const {
  return std::find(config_.protect.begin(), config_.protect.end(), word) != config_.protect.end();
}

std::string Policy::protection(const ContainerInfo& container) const {
  if (!own_container_.empty() && container.id.starts_with(own_container_)) return "it is the one the actuator runs in";
  if (is_protected_word(container.name)) return "its name is protected";
  const std::string image = image_name(container.image);
  if (is_protected_word(image)) return fmt::format("its image {} is protected", image);
  for (const std::string_view label : {"heal.role", "com.docker.compose.service"}) {
    const auto value = label_value(container.labels, label);
    if (is_protected_word(value)) return fmt::format("its label {}={} is protected", label, value);
  }
  return "";
}

/// Whoever may create containers without us could make one that looks like this, and needs nothing of us. Of any
/// version: what was made before an upgrade must be seen and ended after it.
bool Policy::is_helper(Verb verb, const ContainerInfo& container) const {
  const auto& faults = config_.faults;
  if (!faults.enabled || faults.helper_image.empty() || !has_marks_of_helper(container)) return false;
  const bool is_id_in_list = verb == Verb::kList && container.image.starts_with("sha256:");
  return is_id_in_list || is_same_repository(container.image, faults.helper_image);
}

std::variant<Allowance, Refusal> Policy::decide(Verb verb, const ContainerInfo& container) const {
  if (holds(kHelperVerbs, verb) && is_helper(verb, container)) return Allowance{"fault helper", config_.faults.rate};
  if (is_action(verb)) {
    if (const auto why = protection(container); !why.empty()) {
      return Refusal{Reason::kProtected, fmt::format("{} of {}: {}", to_string(verb), printable(container.name), why)};
    }
  }
  for (std::size_t i = 0; i < config_.allow.size(); ++i) {
    const Rule& rule = config_.allow[i];
    const bool is_part = holds(rule.verbs, Verb::kRecreate) && holds(kRecreateVerbs, verb);
    if ((is_part || holds(rule.verbs, verb)) && has_all(rule.labels, container.labels))
      return Allowance{fmt::format("allow {}", i + 1), rule.rate};
  }
  const bool may_simulate = label_value(container.labels, "heal.simulate") == "allow";
  if (config_.faults.enabled && may_simulate && holds(kFaultVerbs, verb))
    return Allowance{"faults", config_.faults.rate};
  return Refusal{Reason::kNotAllowed,
                 fmt::format("{} of {}: no rule of actuator.yml allows it for the container's labels (has it "
                             "heal.enable=true?)",
                             to_string(verb), printable(container.name))};
}

std::variant<Allowance, Refusal> Policy::decide_exec(std::string_view program, const ContainerInfo& container) const {
  if (const auto why = protection(container); !why.empty())
    return Refusal{Reason::kProtected, fmt::format("exec in {}: {}", printable(container.name), why)};
  for (std::size_t i = 0; i < config_.allow.size(); ++i) {
    const Rule& rule = config_.allow[i];
    const auto& programs = rule.programs;
    const bool is_listed = std::find(programs.begin(), programs.end(), program) != programs.end();
    if (holds(rule.verbs, Verb::kExec) && is_listed && has_all(rule.labels, container.labels))
      return Allowance{fmt::format("allow {}", i + 1), rule.rate};
  }
  return Refusal{Reason::kNotAllowed, fmt::format("exec in {}: no rule of actuator.yml allows the program {} for the "
                                                  "container's labels",
                                                  printable(container.name), printable(program, 120))};
}

std::string Policy::objection_of(const ContainerInfo& container) const {
  if (auto why = protection(container); !why.empty()) return why;
  if (label_value(container.labels, "heal.simulate") != "allow") return "it has no label heal.simulate=allow";
  // Who has said --yes-really cannot have meant one that no list has shown.
  const bool is_in_production = to_lower(label_value(container.labels, "heal.environment")) == "production";
  if (is_in_production && !allows(Verb::kList, container))
    return "it is in production (label heal.environment), and no rule allows to list it";
  return "";
}

std::optional<Refusal> Policy::refuse_broken_network(Verb verb, const ContainerInfo& victim,
                                                     const std::vector<ContainerInfo>& all) const {
  const std::string& mode = victim.network_mode;
  if (mode == "host" || mode.starts_with("container:")) {
    return Refusal{Reason::kNotAllowed,
                   fmt::format("{} of {}: its network is not its own", to_string(verb), printable(victim.name))};
  }
  for (const ContainerInfo& each : others_in_network_of(victim, all)) {
    if (is_helper(Verb::kList, each)) continue;
    if (const auto why = objection_of(each); !why.empty()) {
      return Refusal{Reason::kNotAllowed, fmt::format("{} of {}: {} uses its network: {}", to_string(verb),
                                                      printable(victim.name), printable(each.name), why)};
    }
  }
  return std::nullopt;
}

bool Policy::may_cut(std::string_view network) const {
  const auto& networks = config_.faults.networks;
  return std::any_of(networks.begin(), networks.end(), [&](const Regex& regex) { return regex.full_match(network); });
}

}  // namespace heal::actuator
