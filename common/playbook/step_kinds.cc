#include <algorithm>

#include "common/playbook/step.h"

namespace heal::playbook {
namespace {

using Need = ArgumentSpec::Need;
using Body = StepKind::Body;

TypeSpec of_type(ValueType type) {
  TypeSpec out;
  out.type = type;
  return out;
}

TypeSpec words(std::vector<std::string> allowed) {
  TypeSpec out;
  out.words = std::move(allowed);
  return out;
}

TypeSpec long_text() {
  TypeSpec out;
  out.max_length = kMaxValueBytes;
  return out;
}

ArgumentSpec scalar(std::string name, TypeSpec type, std::string default_value) {
  return {std::move(name), ArgumentShape::kScalar, std::move(type), std::move(default_value), Need::kOptional};
}

ArgumentSpec required(std::string name, TypeSpec type) {
  return {std::move(name), ArgumentShape::kScalar, std::move(type), std::nullopt, Need::kRequired};
}

ArgumentSpec optional(std::string name, TypeSpec type) {
  return {std::move(name), ArgumentShape::kScalar, std::move(type), std::nullopt, Need::kOptional};
}

ArgumentSpec shaped(std::string name, ArgumentShape shape, Need need = Need::kOptional) {
  return {std::move(name), shape, long_text(), std::nullopt, need};
}

StepKind docker(std::string verb, Idempotence idempotence, OnUnknown on_unknown, std::vector<ArgumentSpec> arguments) {
  StepKind out;
  out.name = "docker." + std::move(verb);
  out.idempotence = idempotence;
  out.on_unknown = on_unknown;
  out.target_kinds = {"container"};
  out.arguments = std::move(arguments);
  return out;
}

std::vector<StepKind> docker_kinds() {
  const auto grace = [] { return scalar("grace", of_type(ValueType::kDuration), "10s"); };
  StepKind inspect = docker("inspect", Idempotence::kIdempotent, OnUnknown::kRerun, {});
  inspect.effect = Effect::kReads;
  inspect.outputs = {"id",      "status", "health", "exit_code", "oom_killed", "restart_count",
                     "running", "pid",    "image",  "error",     "started_at", "finished_at"};
  StepKind start = docker("start", Idempotence::kIdempotent, OnUnknown::kRerun, {});
  StepKind stop = docker("stop", Idempotence::kIdempotent, OnUnknown::kRerun, {grace()});
  // A second restart is a second outage: not repeated blindly.
  StepKind restart = docker("restart", Idempotence::kNotIdempotent, OnUnknown::kProbe, {grace()});
  StepKind kill =
      docker("kill", Idempotence::kNotIdempotent, OnUnknown::kProbe,
             {scalar("signal", words({"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"}),
                     "SIGKILL")});
  start.outputs = stop.outputs = {"changed"};
  return {inspect, start, stop, restart, kill};
}

StepKind command_kind() {
  StepKind out;
  out.name = "command";
  out.arguments = {shaped("argv", ArgumentShape::kTextList, Need::kRequired), shaped("env", ArgumentShape::kTextMap),
                   scalar("working_directory", long_text(), "/"), shaped("exit_codes", ArgumentShape::kIntegerList)};
  out.outputs = {"exit_code", "output", "errors"};
  return out;
}

StepKind http_request_kind() {
  StepKind out;
  out.name = "http.request";
  out.arguments = {scalar("method", words({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}), "GET"),
                   required("url", of_type(ValueType::kUrl)),
                   shaped("headers", ArgumentShape::kTextMap),
                   shaped("headers_files", ArgumentShape::kTextMap),
                   optional("body", long_text()),
                   shaped("status", ArgumentShape::kIntegerList)};
  out.outputs = {"status", "body"};
  return out;
}

StepKind looking(std::string name, Body body) {
  StepKind out;
  out.name = std::move(name);
  out.idempotence = Idempotence::kIdempotent;
  out.effect = Effect::kReads;
  out.on_unknown = OnUnknown::kRerun;
  out.body = body;
  if (body == Body::kCheck) out.arguments = {scalar("interval", of_type(ValueType::kDuration), "1s")};
  return out;
}

std::vector<StepKind> make_kinds() {
  auto out = docker_kinds();
  out.push_back(command_kind());
  out.push_back(http_request_kind());
  for (const auto* name : {"wait.http", "wait.tcp", "wait.promql"})
    out.push_back(looking(name, Body::kCheck));
  out.push_back(looking("assert", Body::kConditions));
  return out;
}

}  // namespace

std::string_view to_string(OnUnknown on_unknown) {
  switch (on_unknown) {
    case OnUnknown::kProbe:
      return "probe";
    case OnUnknown::kRerun:
      return "rerun";
    case OnUnknown::kUndo:
      return "undo";
    case OnUnknown::kHalt:
      return "halt";
  }
  return "halt";
}

const std::vector<StepKind>& step_kinds() {
  static const std::vector<StepKind> kinds = make_kinds();
  return kinds;
}

const StepKind* find_step_kind(std::string_view name) {
  const auto& kinds = step_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const StepKind& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

}  // namespace heal::playbook
