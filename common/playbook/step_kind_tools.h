#pragma once

// How kinds of steps are written down; of no use outside of this folder.

#include <string>
#include <utility>
#include <vector>

#include "common/playbook/step.h"

namespace heal::playbook {

inline TypeSpec of_type(ValueType type) {
  TypeSpec out;
  out.type = type;
  return out;
}

/// A text that is one of these.
TypeSpec words(std::vector<std::string> allowed);
/// A text, the whole of which matches.
TypeSpec matching(std::string_view pattern);
TypeSpec whole_number(std::int64_t least, std::int64_t most);
/// As long as any text may be.
TypeSpec long_text();

ArgumentSpec scalar(std::string name, TypeSpec type, std::string default_value);
ArgumentSpec required(std::string name, TypeSpec type);
ArgumentSpec optional(std::string name, TypeSpec type);
ArgumentSpec shaped(std::string name, ArgumentShape shape, ArgumentSpec::Need need = ArgumentSpec::Need::kOptional);

std::vector<StepKind> docker_kinds();
/// compose.*, ansible.playbook, haproxy.server: what acts on more than one container, or on none.
std::vector<StepKind> service_kinds();
/// process.signal, systemd.unit, host.drop_caches.
std::vector<StepKind> host_kinds();
/// alertmanager.* and notify.*: what tells somebody something.
std::vector<StepKind> message_kinds();

// What heal.yml must allow, and what arguments must be to each other (StepKind::rule). kRefused, kInvalid.
Status rule_of_command(const HealConfig& config, PlannedStep& step);
Status rule_of_http_request(const HealConfig& config, PlannedStep& step);
Status rule_of_docker_exec(const HealConfig& config, PlannedStep& step);
Status rule_of_docker_update(const HealConfig& config, PlannedStep& step);
Status rule_of_ansible(const HealConfig& config, PlannedStep& step);
Status rule_of_haproxy(const HealConfig& config, PlannedStep& step);
Status rule_of_process_signal(const HealConfig& config, PlannedStep& step);
Status rule_of_drop_caches(const HealConfig& config, PlannedStep& step);
Status rule_of_silence(const HealConfig& config, PlannedStep& step);
Status rule_of_alert(const HealConfig& config, PlannedStep& step);
Status rule_of_email(const HealConfig& config, PlannedStep& step);
Status rule_of_webhook(const HealConfig& config, PlannedStep& step);

}  // namespace heal::playbook
