#include "common/playbook/step_kind_tools.h"

namespace heal::playbook {
namespace {

using Need = ArgumentSpec::Need;

/// A name as Compose gives them, and as HAProxy takes them: nothing that ends a command or a value.
constexpr std::string_view kPlainName = "[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}";

StepKind compose(std::string verb, Idempotence idempotence, OnUnknown on_unknown) {
  StepKind out;
  out.name = "compose." + std::move(verb);
  out.idempotence = idempotence;
  out.on_unknown = on_unknown;
  out.timeout = 120s;
  out.target_kinds = {"container"};
  out.arguments = {optional("project", matching(kPlainName)), optional("service", matching(kPlainName)),
                   scalar("grace", of_type(ValueType::kDuration), "10s")};
  out.outputs = {"changed", "containers"};
  return out;
}

StepKind ansible_kind() {
  StepKind out;
  out.name = "ansible.playbook";
  out.timeout = 10min;
  out.target_kinds = {"service", "unit", "process", "container"};
  out.arguments = {required("playbook", long_text()), shaped("extra_vars", ArgumentShape::kTextMap),
                   shaped("tags", ArgumentShape::kTextList), scalar("check", of_type(ValueType::kBoolean), "false")};
  out.outputs = {"exit_code", "changed", "ok", "changed_tasks", "failed_tasks", "skipped_tasks", "unreachable"};
  out.rule = rule_of_ansible;
  return out;
}

StepKind haproxy_kind() {
  StepKind out;
  out.name = "haproxy.server";
  out.idempotence = Idempotence::kIdempotent;
  out.on_unknown = OnUnknown::kRerun;
  out.timeout = 10s;
  out.arguments = {required("socket", long_text()), required("backend", matching(kPlainName)),
                   required("server", matching(kPlainName)), optional("state", words({"ready", "drain", "maint"})),
                   optional("weight", whole_number(0, 256))};
  out.outputs = {"changed", "state", "weight"};
  out.inverse = out.name;
  out.rule = rule_of_haproxy;
  return out;
}

}  // namespace

std::vector<StepKind> service_kinds() {
  StepKind start = compose("start", Idempotence::kIdempotent, OnUnknown::kRerun);
  StepKind stop = compose("stop", Idempotence::kIdempotent, OnUnknown::kRerun);
  StepKind restart = compose("restart", Idempotence::kNotIdempotent, OnUnknown::kProbe);
  start.inverse = start.name;
  stop.inverse = stop.name;
  return {start, stop, restart, ansible_kind(), haproxy_kind()};
}

}  // namespace heal::playbook
