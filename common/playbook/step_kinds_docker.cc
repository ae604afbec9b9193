#include "common/playbook/step_kind_tools.h"

namespace heal::playbook {
namespace {

using Need = ArgumentSpec::Need;

StepKind docker(std::string verb, Idempotence idempotence, OnUnknown on_unknown, std::vector<ArgumentSpec> arguments) {
  StepKind out;
  out.name = "docker." + std::move(verb);
  out.idempotence = idempotence;
  out.on_unknown = on_unknown;
  out.target_kinds = {"container"};
  out.arguments = std::move(arguments);
  return out;
}

ArgumentSpec grace() {
  return scalar("grace", of_type(ValueType::kDuration), "10s");
}

StepKind inspect_kind() {
  StepKind out = docker("inspect", Idempotence::kIdempotent, OnUnknown::kRerun, {});
  out.effect = Effect::kReads;
  out.outputs = {"id",      "status", "health", "exit_code", "oom_killed", "restart_count",
                 "running", "pid",    "image",  "error",     "started_at", "finished_at"};
  return out;
}

StepKind logs_kind() {
  StepKind out =
      docker("logs", Idempotence::kIdempotent, OnUnknown::kRerun, {scalar("lines", whole_number(1, 1000), "50")});
  out.effect = Effect::kReads;
  out.outputs = {"output", "lines"};
  return out;
}

StepKind exec_kind() {
  StepKind out =
      docker("exec", Idempotence::kNotIdempotent, OnUnknown::kHalt,
             {shaped("argv", ArgumentShape::kTextList, Need::kRequired), shaped("env", ArgumentShape::kTextMap),
              optional("user", matching("[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")),
              optional("working_directory", long_text()), shaped("exit_codes", ArgumentShape::kIntegerList)});
  out.outputs = {"exit_code", "output", "errors"};
  out.rule = rule_of_docker_exec;
  return out;
}

StepKind update_kind() {
  TypeSpec cpus = of_type(ValueType::kNumber);
  cpus.number_least = 0.01;
  cpus.number_most = 1024;
  StepKind out = docker("update", Idempotence::kIdempotent, OnUnknown::kRerun,
                        {optional("memory", matching("[1-9][0-9]{0,12}([kmgKMG]|[KMG]iB)?")),
                         optional("cpus", std::move(cpus)), optional("pids", whole_number(1, 4194304))});
  out.outputs = {"changed"};
  out.inverse = out.name;
  out.rule = rule_of_docker_update;
  return out;
}

StepKind recreate_kind() {
  StepKind out = docker("recreate", Idempotence::kNotIdempotent, OnUnknown::kProbe, {grace()});
  out.timeout = 60s;
  out.outputs = {"changed", "id", "replaced"};
  return out;
}

}  // namespace

std::vector<StepKind> docker_kinds() {
  StepKind start = docker("start", Idempotence::kIdempotent, OnUnknown::kRerun, {});
  StepKind stop = docker("stop", Idempotence::kIdempotent, OnUnknown::kRerun, {grace()});
  StepKind pause = docker("pause", Idempotence::kIdempotent, OnUnknown::kRerun, {});
  StepKind unpause = docker("unpause", Idempotence::kIdempotent, OnUnknown::kRerun, {});
  // A second restart is a second outage: not repeated blindly.
  StepKind restart = docker("restart", Idempotence::kNotIdempotent, OnUnknown::kProbe, {grace()});
  StepKind kill =
      docker("kill", Idempotence::kNotIdempotent, OnUnknown::kProbe,
             {scalar("signal", words({"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"}),
                     "SIGKILL")});
  start.outputs = stop.outputs = pause.outputs = unpause.outputs = {"changed"};
  start.inverse = stop.name;
  stop.inverse = start.name;
  pause.inverse = unpause.name;
  unpause.inverse = pause.name;
  return {inspect_kind(), logs_kind(), start,       stop,          restart,        kill,
          pause,          unpause,     exec_kind(), update_kind(), recreate_kind()};
}

}  // namespace heal::playbook
