#include <fmt/format.h>

#include "common/base/redact.h"
#include "common/playbook/heal_config.h"
#include "common/playbook/quotes.h"

namespace heal::playbook {
namespace {

template <typename Map, typename Show>
std::string flow_map(const Map& map, const Show& show) {
  std::string out;
  for (const auto& [name, value] : map)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", in_quotes(name), show(value));
  return "{" + out + "}";
}

std::string show_engine(const EngineConfig& engine) {
  if (engine.tcp.empty()) return fmt::format("{{unix: {}}}", in_quotes(engine.unix_socket));
  auto out = fmt::format("{{tcp: {}", in_quotes(engine.tcp));
  if (!engine.ca_file.empty()) out += fmt::format(", ca_file: {}", in_quotes(engine.ca_file));
  if (engine.cert_file.empty()) return out + fmt::format(", insecure: {}}}", engine.insecure);
  return out + fmt::format(", cert_file: {}, key_file: {}}}", in_quotes(engine.cert_file), in_quotes(engine.key_file));
}

std::string endpoint(const HttpEndpoint& endpoint) {
  auto out = fmt::format("{{url: {}", in_quotes(endpoint.url));
  if (endpoint.basic_auth) {
    const auto& auth = *endpoint.basic_auth;
    const auto secret = auth.password.file.empty() ? std::string("password: <secret>")
                                                   : fmt::format("password_file: {}", in_quotes(auth.password.file));
    out += fmt::format(", basic_auth: {{username: {}, {}}}", in_quotes(auth.username), secret);
  }
  if (!endpoint.ca_file.empty()) out += fmt::format(", ca_file: {}", in_quotes(endpoint.ca_file));
  return out + fmt::format(", insecure_skip_verify: {}}}", endpoint.insecure_skip_verify);
}

std::string population(const PopulationGuard& guard) {
  if (guard.state == GuardSwitch::kOff) return "    population: off\n";
  return fmt::format(
      "    population: {{group: {}, max_unhealthy: {{percent: {}, at_least: {}}}, timeout: {}, on_error: {}}}\n",
      in_quotes(guard.group.text()), guard.percent, guard.at_least, format_duration(guard.timeout),
      to_string(guard.on_error));
}

std::string blocking(const BlockingAlertsGuard& guard) {
  if (guard.state == GuardSwitch::kOff) return "    blocking_alerts: off\n";
  std::vector<std::string> any;
  for (const auto& matchers : guard.any) {
    std::string all;
    for (const auto& matcher : matchers)
      all += (all.empty() ? "" : ", ") + matcher.str();
    any.push_back(all);
  }
  return fmt::format("    blocking_alerts: {{any: {}, timeout: {}, on_error: {}}}\n", list_in_quotes(any),
                     format_duration(guard.timeout), to_string(guard.on_error));
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
             : fmt::format("    budget: {{attempts: {}, window: {}, healthy: {}, on_error: {}}}\n", budget.attempts,
                           format_duration(budget.window), format_duration(budget.healthy), to_string(budget.on_error));
  const auto& flap = guards.flap;
  out += flap.state == GuardSwitch::kOff
             ? "    flap: off\n"
             : fmt::format("    flap: {{heals: {}, window: {}, on_error: {}}}\n", flap.heals,
                           format_duration(flap.window), to_string(flap.on_error));
  const auto& in_flight = guards.in_flight;
  out += in_flight.state == GuardSwitch::kOff
             ? "    in_flight: off\n"
             : fmt::format("    in_flight: {{per_group: {}, total: {}, on_error: {}}}\n", in_flight.per_group,
                           in_flight.total, to_string(in_flight.on_error));
  return out + population(guards.population) + blocking(guards.blocking_alerts);
}

/// Ansible's connection variables stand there, passwords among them.
std::string labels(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", in_quotes(name),
                       is_secret_name(name) ? std::string(kRedacted) : in_quotes(value));
  return "{" + out + "}";
}

std::string inventory(const Inventory& inventory) {
  auto out = fmt::format("inventory:\n  container_labels: {}\n  targets:{}\n",
                         inventory.container_labels == ContainerLabels::kUse, inventory.targets.empty() ? " []" : "");
  for (const auto& target : inventory.targets) {
    out += fmt::format("    - target: {}\n", in_quotes(target.id.str()));
    if (target.health) out += fmt::format("      health: {}\n", in_quotes(target.health->shown()));
    if (!target.group.empty()) out += fmt::format("      group: {}\n", in_quotes(target.group));
    out += fmt::format("      labels: {}\n", labels(target.labels));
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
    out += fmt::format("  - match: {}\n    playbook: {}\n", list_in_quotes(matchers), in_quotes(route.playbook));
    if (!route.target.text().empty()) out += fmt::format("    target: {}\n", in_quotes(route.target.text()));
    std::vector<std::string> windows;
    for (const auto& window : route.windows)
      windows.push_back(print_time_window(window));
    if (!windows.empty()) out += fmt::format("    windows: [{}]\n", fmt::join(windows, ", "));
    out += fmt::format("    params: {}\n    continue: {}\n",
                       flow_map(route.params, [](const Template& text) { return in_quotes(text.text()); }),
                       route.next == Route::Next::kContinue);
  }
  return out;
}

std::string allow(const AllowLists& allow) {
  auto out =
      fmt::format("allow:\n  commands: {}\n  hosts: {}\n", list_in_quotes(allow.commands), list_in_quotes(allow.hosts));
  const auto add = [&out](const char* name, const std::vector<std::string>& list) {
    if (!list.empty()) out += fmt::format("  {}: {}\n", name, list_in_quotes(list));
  };
  add("exec", allow.exec);
  add("ansible", allow.ansible);
  add("haproxy", allow.haproxy);
  add("host", allow.host);
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
  out += fmt::format("engines: {}\n", flow_map(config.engines, show_engine));
  if (config.prometheus) out += fmt::format("prometheus: {}\n", endpoint(*config.prometheus));
  out += config.alertmanagers.empty() ? "alertmanagers: []\n" : "alertmanagers:\n";
  for (const auto& alertmanager : config.alertmanagers)
    out += fmt::format("  - {}\n", endpoint(alertmanager));
  out += fmt::format("playbooks: {}\n", list_in_quotes(config.playbooks));
  out += inventory(config.inventory);
  out += allow(config.allow);
  out += guards(config.guards) + print_safety(config.safety) + routes(config.routes);
  out += print_sources(config.sources) + print_schedules(config.schedules);
  out += fmt::format("workers: {}\n", config.workers);
  if (const auto& kept = config.retention.incidents)
    out += fmt::format("retention: {{incidents: {}}}\n", format_duration(*kept));
  const auto& faults = config.faults;
  out += fmt::format("faults: {{enabled: {}, max_ttl: {}", faults.enabled, format_duration(faults.max_ttl));
  if (!faults.helper_image.empty()) out += fmt::format(", helper_image: {}", in_quotes(faults.helper_image));
  return out + "}\n" + print_notify(config.notify) + fmt::format("users: {}\n", flow_map(config.users, role_list));
}

}  // namespace heal::playbook
