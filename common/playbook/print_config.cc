#include <fmt/format.h>

#include "common/playbook/heal_config.h"
#include "common/playbook/quoted.h"

namespace heal::playbook {
namespace {

std::string quote_all(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts)
    out += (out.empty() ? "" : ", ") + quoted(text);
  return "[" + out + "]";
}

template <typename Map, typename Show>
std::string flow_map(const Map& map, const Show& show) {
  std::string out;
  for (const auto& [name, value] : map)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", quoted(name), show(value));
  return "{" + out + "}";
}

std::string endpoint(const HttpEndpoint& endpoint) {
  auto out = fmt::format("{{url: {}", quoted(endpoint.url));
  if (endpoint.basic_auth) {
    const auto& auth = *endpoint.basic_auth;
    const auto secret = auth.password.file.empty() ? std::string("password: <secret>")
                                                   : fmt::format("password_file: {}", quoted(auth.password.file));
    out += fmt::format(", basic_auth: {{username: {}, {}}}", quoted(auth.username), secret);
  }
  if (!endpoint.ca_file.empty()) out += fmt::format(", ca_file: {}", quoted(endpoint.ca_file));
  return out + fmt::format(", insecure_skip_verify: {}}}", endpoint.insecure_skip_verify);
}

std::string guards(const GuardSettings& guards) {
  const auto& evidence = guards.fresh_evidence;
  const auto& cooldown = guards.cooldown;
  const auto& budget = guards.budget;
  std::string out = "defaults:\n  guards:\n";
  out += evidence.state == GuardSwitch::kOff
             ? "    fresh_evidence: off\n"
             : fmt::format("    fresh_evidence: {{timeout: {}, on_error: {}}}\n", format_duration(evidence.timeout),
                           to_string(evidence.on_error));
  out += cooldown.state == GuardSwitch::kOff
             ? "    cooldown: off\n"
             : fmt::format("    cooldown: {{period: {}, on_error: {}}}\n", format_duration(cooldown.period),
                           to_string(cooldown.on_error));
  out += budget.state == GuardSwitch::kOff
             ? "    budget: off\n"
             : fmt::format("    budget: {{attempts: {}, window: {}, on_error: {}}}\n", budget.attempts,
                           format_duration(budget.window), to_string(budget.on_error));
  return out;
}

std::string inventory(const Inventory& inventory) {
  auto out = fmt::format("inventory:\n  container_labels: {}\n  targets:{}\n",
                         inventory.container_labels == ContainerLabels::kUse, inventory.targets.empty() ? " []" : "");
  for (const auto& target : inventory.targets) {
    out += fmt::format("    - target: {}\n", quoted(target.id.str()));
    if (target.health) out += fmt::format("      health: {}\n", quoted(target.health->str()));
    if (!target.group.empty()) out += fmt::format("      group: {}\n", quoted(target.group));
    out += fmt::format("      labels: {}\n", flow_map(target.labels, quoted));
    out += fmt::format("      simulate: {}\n", target.simulate == Simulate::kAllow ? "allow" : "refuse");
  }
  return out;
}

std::string routes(const std::vector<Route>& routes) {
  std::string out = routes.empty() ? "routes: []\n" : "routes:\n";
  for (const auto& route : routes) {
    std::vector<std::string> matchers;
    for (const auto& matcher : route.match)
      matchers.push_back(matcher.str());
    out += fmt::format("  - match: {}\n    playbook: {}\n    target: {}\n", quote_all(matchers), quoted(route.playbook),
                       quoted(route.target.text()));
    out += fmt::format("    params: {}\n    continue: {}\n",
                       flow_map(route.params, [](const Template& text) { return quoted(text.text()); }),
                       route.next == Route::Next::kContinue);
  }
  return out;
}

std::string role_list(const std::vector<Role>& roles) {
  std::vector<std::string_view> names;
  for (const auto role : roles)
    names.push_back(to_string(role));
  return fmt::format("[{}]", fmt::join(names, ", "));
}

}  // namespace

std::string print_config(const HealConfig& config) {
  auto out = std::string("version: 1\n");
  out += fmt::format("engines: {}\n", flow_map(config.engines, [](const EngineConfig& engine) {
                       return fmt::format("{{unix: {}}}", quoted(engine.unix_socket));
                     }));
  if (config.prometheus) out += fmt::format("prometheus: {}\n", endpoint(*config.prometheus));
  out += config.alertmanagers.empty() ? "alertmanagers: []\n" : "alertmanagers:\n";
  for (const auto& alertmanager : config.alertmanagers)
    out += fmt::format("  - {}\n", endpoint(alertmanager));
  out += fmt::format("playbooks: {}\n", quote_all(config.playbooks));
  out += inventory(config.inventory);
  out += fmt::format("allow:\n  commands: {}\n  hosts: {}\n", quote_all(config.allow.commands),
                     quote_all(config.allow.hosts));
  out += guards(config.guards) + routes(config.routes);
  out += fmt::format("workers: {}\n", config.workers);
  const auto& faults = config.faults;
  out += fmt::format("faults: {{enabled: {}, max_ttl: {}", faults.enabled, format_duration(faults.max_ttl));
  if (!faults.helper_image.empty()) out += fmt::format(", helper_image: {}", quoted(faults.helper_image));
  return out + fmt::format("}}\nusers: {}\n", flow_map(config.users, role_list));
}

}  // namespace heal::playbook
