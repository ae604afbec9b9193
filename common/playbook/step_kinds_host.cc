#include "common/playbook/step_kind_tools.h"

namespace heal::playbook {
namespace {

StepKind signal_kind() {
  StepKind out;
  out.name = "process.signal";
  out.on_unknown = OnUnknown::kProbe;
  out.target_kinds = {"process", "container", "unit"};
  out.arguments = {
      scalar("signal", words({"SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT"}),
             "SIGTERM"),
      scalar("by", words({"memory", "cpu"}), "memory"),
      scalar("window", of_type(ValueType::kDuration), "1s"),
      optional("at_least", matching("[1-9][0-9]{0,12}([kmgKMG]|[KMG]iB|%)?")),
      optional("pid_file", long_text()),
      optional("cgroup", long_text())};
  out.outputs = {"pid", "name", "memory_bytes", "cpu_percent"};
  out.rule = rule_of_process_signal;
  return out;
}

StepKind systemd_kind() {
  StepKind out;
  out.name = "systemd.unit";
  out.on_unknown = OnUnknown::kProbe;
  out.timeout = 100s;
  out.target_kinds = {"unit"};
  out.arguments = {required("action", words({"start", "stop", "restart", "reset-failed"}))};
  out.outputs = {"changed", "active", "sub", "result"};
  out.inverse = out.name;
  return out;
}

StepKind drop_caches_kind() {
  StepKind out;
  out.name = "host.drop_caches";
  out.idempotence = Idempotence::kIdempotent;
  out.on_unknown = OnUnknown::kRerun;
  out.arguments = {scalar("what", words({"pagecache", "slab", "all"}), "pagecache")};
  out.rule = rule_of_drop_caches;
  return out;
}

}  // namespace

std::vector<StepKind> host_kinds() {
  return {signal_kind(), systemd_kind(), drop_caches_kind()};
}

}  // namespace heal::playbook
