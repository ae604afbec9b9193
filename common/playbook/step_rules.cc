#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/expansion.h"
#include "common/playbook/plan.h"
#include "common/playbook/step_kind_tools.h"

namespace heal::playbook {
namespace {

constexpr Duration kLongestSilence = 24h;
constexpr Duration kShortestTelling = 1s;

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

Status check_length(const PlannedStep& step, Duration least, Duration most) {
  const Duration length = step.arguments.duration("for");
  if (length >= least && length <= most) return {};
  return make_error(ErrorCode::kInvalid, "argument for: {} is not between {} and {}", format_duration(length),
                    format_duration(least), format_duration(most));
}

bool is_label_map(const std::map<std::string, std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [](const auto& label) { return is_label_name(label.first); });
}

/// What Ansible would take for a template and run.
bool has_jinja(std::string_view text) {
  return text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos ||
         text.find("{#") != std::string_view::npos;
}

bool is_variable_name(std::string_view name) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::all_of(name.begin(), name.end(), is_good);
}

Status check_extra_vars(const PlannedStep& step) {
  if (!step.arguments.has("extra_vars")) return {};
  for (const auto& [name, value] : step.arguments.text_map("extra_vars")) {
    if (!is_variable_name(name) || name.starts_with("ansible_")) {
      return make_error(ErrorCode::kInvalid, "argument extra_vars: \"{}\" is not a variable that may be set",
                        printable(name, 60));
    }
    if (has_jinja(value)) {
      return make_error(ErrorCode::kRefused, "argument extra_vars: \"{}\" holds what Ansible would take for a template",
                        name);
    }
  }
  return {};
}

Status check_tags(const PlannedStep& step) {
  if (!step.arguments.has("tags")) return {};
  for (const auto& tag : step.arguments.texts("tags")) {
    const bool is_good = !tag.empty() && tag[0] != '-' && tag.find_first_of(", \t") == std::string::npos;
    if (!is_good) return make_error(ErrorCode::kInvalid, "argument tags: \"{}\" is not a tag", printable(tag, 60));
  }
  return {};
}

Status absolute(const PlannedStep& step, const char* name) {
  if (!step.arguments.has(name)) return {};
  const std::string& path = step.arguments.text(name);
  const bool is_good = path.starts_with('/') && (path + "/").find("/../") == std::string::npos;
  if (is_good) return {};
  return make_error(ErrorCode::kInvalid, "argument {}: \"{}\" is not an absolute path", name, printable(path, 120));
}

}  // namespace

Status rule_of_command(const HealConfig& config, PlannedStep& step) {
  const auto& argv = step.arguments.texts("argv");
  if (!argv.empty() && holds(config.allow.commands, argv[0])) return {};
  return make_error(ErrorCode::kRefused, "{} is not under allow.commands in heal.yml",
                    argv.empty() ? "an empty command" : argv[0]);
}

Status rule_of_http_request(const HealConfig& config, PlannedStep& step) {
  return check_host_allowed(config.allow, step.arguments.text("url")).with_context("argument url");
}

Status rule_of_docker_exec(const HealConfig& config, PlannedStep& step) {
  const auto& argv = step.arguments.texts("argv");
  if (!argv.empty() && holds(config.allow.exec, argv[0])) return {};
  return make_error(ErrorCode::kRefused, "{} is not under allow.exec in heal.yml",
                    argv.empty() ? "an empty command" : argv[0]);
}

Status rule_of_docker_update(const HealConfig&, PlannedStep& step) {
  const auto& arguments = step.arguments;
  if (!arguments.has("memory") && !arguments.has("cpus") && !arguments.has("pids"))
    return make_error(ErrorCode::kInvalid, "docker.update needs one of memory, cpus, pids");
  if (!arguments.has("memory")) return {};
  constexpr std::int64_t kLeast = 6 << 20;
  HEAL_TRY(const std::int64_t bytes, parse_size(arguments.text("memory")));
  if (bytes >= kLeast) return {};
  return make_error(ErrorCode::kInvalid, "argument memory: {} is less than 6 MiB, which no engine takes",
                    arguments.text("memory"));
}

Status rule_of_ansible(const HealConfig& config, PlannedStep& step) {
  const std::string& playbook = step.arguments.text("playbook");
  if (!holds(config.allow.ansible, playbook))
    return make_error(ErrorCode::kRefused, "{} is not under allow.ansible in heal.yml", printable(playbook, 200));
  HEAL_TRY_STATUS(check_extra_vars(step));
  HEAL_TRY_STATUS(check_tags(step));
  // How the target is reached is the operator's to say: a container's own labels say nothing here.
  std::map<std::string, std::string> variables;
  const InventoryTarget* listed = step.target ? find_target(config, *step.target) : nullptr;
  if (listed == nullptr) {
    return make_error(ErrorCode::kRefused, "{} is not under inventory.targets in heal.yml, where Ansible's targets are",
                      step.target ? step.target->str() : "nothing");
  }
  for (const auto& [name, value] : listed->labels) {
    if (name.starts_with("ansible_") && is_variable_name(name)) variables[name] = value;
  }
  step.arguments.set("connection", std::move(variables));
  return {};
}

Status rule_of_haproxy(const HealConfig& config, PlannedStep& step) {
  const std::string& socket = step.arguments.text("socket");
  if (!holds(config.allow.haproxy, socket))
    return make_error(ErrorCode::kRefused, "{} is not under allow.haproxy in heal.yml", printable(socket, 200));
  if (step.arguments.has("state") || step.arguments.has("weight")) return {};
  return make_error(ErrorCode::kInvalid, "haproxy.server needs one of state, weight");
}

Status rule_of_process_signal(const HealConfig&, PlannedStep& step) {
  HEAL_TRY_STATUS(absolute(step, "pid_file"));
  HEAL_TRY_STATUS(absolute(step, "cgroup"));
  const auto& arguments = step.arguments;
  if (arguments.has("pid_file") && arguments.has("cgroup"))
    return make_error(ErrorCode::kInvalid, "process.signal takes either pid_file or cgroup");
  const bool is_process = step.target && step.target->kind == "process";
  if ((arguments.has("pid_file") || arguments.has("cgroup")) && !is_process)
    return make_error(ErrorCode::kInvalid, "pid_file and cgroup are for targets process/<name>");
  if (!arguments.has("at_least")) return {};
  const bool is_percent = arguments.text("at_least").ends_with('%');
  if (is_percent == (arguments.text("by") == "cpu")) return {};
  return make_error(ErrorCode::kInvalid, "argument at_least: {}",
                    is_percent ? "memory is given in bytes, as 500MiB" : "CPU is given in percent of one, as 80%");
}

Status rule_of_drop_caches(const HealConfig& config, PlannedStep&) {
  if (holds(config.allow.host, "drop_caches")) return {};
  return make_error(ErrorCode::kRefused, "drop_caches is not under allow.host in heal.yml");
}

Status rule_of_silence(const HealConfig& config, PlannedStep& step) {
  if (config.alertmanagers.empty()) return make_error(ErrorCode::kInvalid, "heal.yml names no Alertmanager");
  const auto& labels = step.arguments.text_map("labels");
  const bool has_empty =
      std::any_of(labels.begin(), labels.end(), [](const auto& label) { return label.second.empty(); });
  // An empty value matches every alert without the label.
  if (labels.empty() || has_empty || !is_label_map(labels))
    return make_error(ErrorCode::kInvalid,
                      "argument labels: needs label names with values, at least one and none empty");
  return check_length(step, kShortestTelling, kLongestSilence);
}

Status rule_of_alert(const HealConfig& config, PlannedStep& step) {
  if (config.alertmanagers.empty()) return make_error(ErrorCode::kInvalid, "heal.yml names no Alertmanager");
  if (step.arguments.has("labels")) {
    const auto& labels = step.arguments.text_map("labels");
    if (!is_label_map(labels) || labels.count("alertname") != 0)
      return make_error(ErrorCode::kInvalid, "argument labels: needs label names, and not alertname");
  }
  return check_length(step, kShortestTelling, kLongestSilence);
}

Status rule_of_email(const HealConfig& config, PlannedStep& step) {
  if (!config.notify.email) return make_error(ErrorCode::kRefused, "heal.yml says nothing under notify.email");
  const auto& known = config.notify.email->to;
  if (!step.arguments.has("to")) {
    step.arguments.set("to", known);
    return {};
  }
  const auto& to = step.arguments.texts("to");
  if (to.empty()) return make_error(ErrorCode::kInvalid, "argument to: is empty");
  for (const auto& address : to) {
    if (!holds(known, address))
      return make_error(ErrorCode::kRefused, "argument to: {} is not under notify.email.to in heal.yml",
                        printable(address, 120));
  }
  return {};
}

Status rule_of_webhook(const HealConfig& config, PlannedStep& step) {
  const std::string& name = step.arguments.text("to");
  if (config.notify.webhooks.count(name) != 0) return {};
  return make_error(ErrorCode::kRefused, "argument to: {} is not under notify.webhooks in heal.yml",
                    printable(name, 60));
}

}  // namespace heal::playbook
