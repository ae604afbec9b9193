#include <algorithm>

#include "common/base/check.h"
#include "common/playbook/step_kind_tools.h"

namespace heal::playbook {
namespace {

using Need = ArgumentSpec::Need;
using Body = StepKind::Body;

StepKind command_kind() {
  StepKind out;
  out.name = "command";
  out.arguments = {shaped("argv", ArgumentShape::kTextList, Need::kRequired), shaped("env", ArgumentShape::kTextMap),
                   scalar("working_directory", long_text(), "/"), shaped("exit_codes", ArgumentShape::kIntegerList)};
  out.outputs = {"exit_code", "output", "errors"};
  out.rule = rule_of_command;
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
  out.rule = rule_of_http_request;
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
  const auto append = [&out](std::vector<StepKind> more) {
    out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  append(service_kinds());
  out.push_back(command_kind());
  append(host_kinds());
  out.push_back(http_request_kind());
  for (const auto* name : {"wait.http", "wait.tcp", "wait.promql"})
    out.push_back(looking(name, Body::kCheck));
  append(message_kinds());
  out.push_back(looking("assert", Body::kConditions));
  return out;
}

}  // namespace

TypeSpec words(std::vector<std::string> allowed) {
  TypeSpec out;
  out.words = std::move(allowed);
  return out;
}

TypeSpec matching(std::string_view pattern) {
  TypeSpec out;
  auto compiled = Regex::compile(pattern);
  HEAL_CHECK(compiled.has_value(), "the pattern of an argument is a regular expression");
  out.pattern = std::move(*compiled);
  return out;
}

TypeSpec whole_number(std::int64_t least, std::int64_t most) {
  TypeSpec out = of_type(ValueType::kInteger);
  out.least = least;
  out.most = most;
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

ArgumentSpec shaped(std::string name, ArgumentShape shape, Need need) {
  return {std::move(name), shape, long_text(), std::nullopt, need};
}

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
