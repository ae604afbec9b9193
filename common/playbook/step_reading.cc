#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

std::optional<std::vector<std::int64_t>> as_integers(const Value& value) {
  const config::as_integer number(0, 65535);
  if (value.is_list()) return config::as_list(number)(value);
  const auto one = number(value);
  return one ? std::optional(std::vector<std::int64_t>{*one}) : std::nullopt;
}

/// Reports a scalar argument that can be seen to be wrong before any place is filled in.
void check_literal(const Value& value, const Template& text, const TypeSpec& type) {
  if (!text.is_literal()) return;
  TypeSpec relaxed = type;
  const auto& spelled = text.text();
  // A text that the author wrote may hold line ends (a body); one that comes from a label may not.
  if (type.type == ValueType::kString && type.words.empty()) return;
  if (const auto checked = check_value(relaxed, spelled); !checked)
    value.error(fmt::format("{} does not fit: {}", value.name(), checked.error().message()));
}

std::optional<ArgumentTemplate> read_argument(const Value& value, const ArgumentSpec& spec,
                                              const References& references) {
  const auto as_template = [&](const Value& v) { return read_template(v, references); };
  switch (spec.shape) {
    case ArgumentShape::kScalar: {
      const auto text = as_template(value);
      if (!text) return std::nullopt;
      check_literal(value, *text, spec.type);
      return ArgumentTemplate(*text);
    }
    case ArgumentShape::kJsonText: {
      const auto text = as_template(value);
      return text ? std::optional<ArgumentTemplate>(*text) : std::nullopt;
    }
    case ArgumentShape::kTextList: {
      auto list = config::as_list(as_template)(value);
      if (!list) return std::nullopt;
      return ArgumentTemplate(std::move(*list));
    }
    case ArgumentShape::kIntegerList: {
      auto list = as_integers(value);
      if (!list) return std::nullopt;
      return ArgumentTemplate(std::move(*list));
    }
    case ArgumentShape::kTextMap: {
      if (!value.is_map()) {
        value.must_be("a map of texts");
        return std::nullopt;
      }
      std::vector<std::pair<std::string, Template>> map;
      for (const auto& entry : value.node().entries) {
        if (auto text = as_template(value.child(entry))) map.emplace_back(entry.key, std::move(*text));
      }
      return ArgumentTemplate(std::move(map));
    }
  }
  return std::nullopt;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

/// What the schema cannot say about a command: what runs must be readable from the file.
void check_command(const Value& value, const StepSpec& step) {
  const auto found = step.arguments.find("argv");
  if (found == step.arguments.end()) return;
  const auto& argv = std::get<std::vector<Template>>(found->second);
  const bool is_good = !argv.empty() && argv[0].is_literal() && argv[0].text().substr(0, 1) == "/";
  if (!is_good)
    value.error("the first element of \"argv\" must be the absolute path of a program, without {{ }}",
                "for example [/usr/local/bin/rotate-logs, --now]");
  const auto directory = step.arguments.find("working_directory");
  if (directory == step.arguments.end()) return;
  const auto& path = std::get<Template>(directory->second);
  if (!path.is_literal() || path.text().substr(0, 1) != "/")
    value.error("\"working_directory\" must be an absolute path without {{ }}");
}

/// Files are named by who wrote the playbook, never by an event.
void check_literal_path(const Value& value, const StepSpec& step, const char* name) {
  const auto found = step.arguments.find(name);
  if (found == step.arguments.end()) return;
  const auto& path = std::get<Template>(found->second);
  if (!path.is_literal() || path.text().substr(0, 1) != "/")
    value.error(fmt::format("\"{}\" must be an absolute path without {{{{ }}}}", name));
}

void check_text_map(const Value& value, const StepSpec& step, const char* name) {
  const auto found = step.arguments.find(name);
  if (found == step.arguments.end()) return;
  for (const auto& [key, text] : std::get<std::vector<std::pair<std::string, Template>>>(found->second)) {
    if (!is_token(key)) value.error(fmt::format("\"{}\" is not a name that \"{}\" can have", printable(key, 60), name));
  }
}

/// Files of secrets are named by who wrote the playbook, never by an event.
void check_headers_files(const Value& value, const StepSpec& step) {
  const auto found = step.arguments.find("headers_files");
  if (found == step.arguments.end()) return;
  const auto& files = std::get<std::vector<std::pair<std::string, Template>>>(found->second);
  for (const auto& [name, file] : files) {
    if (!file.is_literal() || file.text().empty())
      value.error(fmt::format("the file of header \"{}\" must be a path without {{{{ }}}}", printable(name, 60)));
  }
  const auto headers = step.arguments.find("headers");
  if (headers == step.arguments.end()) return;
  for (const auto& [name, text] : std::get<std::vector<std::pair<std::string, Template>>>(headers->second)) {
    const auto is_same = [lower = to_lower(name)](const auto& other) { return to_lower(other.first) == lower; };
    if (std::any_of(files.begin(), files.end(), is_same))
      value.error(fmt::format("header \"{}\" stands in \"headers\" and in \"headers_files\"", printable(name, 60)));
  }
}

/// An outcome that is not waited for is unknown: the engine goes on after its client has left.
void check_grace(const Value& value, const StepSpec& step) {
  const auto found = step.arguments.find("grace");
  if (found == step.arguments.end()) return;
  const auto& text = std::get<Template>(found->second);
  const auto grace = text.is_literal() ? parse_duration(text.text()) : Result<Duration>(Duration::zero());
  if (grace && *grace >= step.timeout)
    value.error(fmt::format("the step's timeout {} is not longer than its grace {}", format_duration(step.timeout),
                            format_duration(*grace)),
                "the container may take the whole grace to stop: give the step a longer timeout");
}

void read_arguments(const Value& value, const StepKind& kind, const References& references, StepSpec& step) {
  if (kind.body == StepKind::Body::kConditions) {
    step.that = read_conditions(value, references);
    if (value.is_list() && value.node().items.empty()) value.error("\"assert\" must not be empty");
    return;
  }
  if (value.is_null()) {
    value.error(fmt::format("{} needs its arguments", kind.name), fmt::format("write {}: {{}} for none", kind.name));
    return;
  }
  References in_arguments = references;
  in_arguments.steps = nullptr;
  MapReader map(value, kind.name);
  for (const auto& spec : kind.arguments) {
    const auto given = spec.need == ArgumentSpec::Need::kRequired ? map.find_required(spec.name) : map.find(spec.name);
    if (!given) continue;
    if (auto argument = read_argument(*given, spec, in_arguments)) step.arguments[spec.name] = std::move(*argument);
  }
  if (kind.body == StepKind::Body::kCheck) {
    const auto check = kind.name == "wait.http"  ? Check::Kind::kHttp
                       : kind.name == "wait.tcp" ? Check::Kind::kTcp
                                                 : Check::Kind::kPromql;
    step.wait_for = read_wait_check(map, check, in_arguments);
  }
  map.finish();
}

Retry read_retry(const Value& value) {
  Retry out;
  MapReader map(value, "\"retry\"");
  std::int64_t attempts = out.attempts;
  map.optional("attempts", attempts, config::as_integer(1, 100));
  map.optional("backoff", out.backoff, config::as_duration);
  map.finish();
  out.attempts = static_cast<std::uint32_t>(attempts);
  return out;
}

void read_on_unknown(MapReader& map, const StepKind& kind, StepSpec& step) {
  step.on_unknown = kind.on_unknown;
  const auto value = map.find("on_unknown");
  if (!value) return;
  const config::as_enum<OnUnknown> words({{"probe", OnUnknown::kProbe},
                                          {"rerun", OnUnknown::kRerun},
                                          {"undo", OnUnknown::kUndo},
                                          {"halt", OnUnknown::kHalt}});
  step.on_unknown = words(*value).value_or(kind.on_unknown);
  if (step.on_unknown == OnUnknown::kUndo && !map.has("undo"))
    value->error("\"on_unknown: undo\" needs an \"undo\" in the step");
  if (step.on_unknown == OnUnknown::kRerun && kind.idempotence == Idempotence::kNotIdempotent)
    value->error(fmt::format("{} is not repeatable: \"on_unknown: rerun\" could do it twice", kind.name),
                 "use probe (look whether it helped) or halt (a human must look)");
}

std::vector<std::string> kind_names() {
  std::vector<std::string> out;
  for (const auto& kind : step_kinds())
    out.push_back(kind.name);
  return out;
}

/// The one entry of a step that names its kind, and what stands under it.
std::optional<std::pair<const StepKind*, Value>> find_kind(MapReader& map) {
  std::optional<std::pair<const StepKind*, Value>> out;
  for (const auto& kind : step_kinds()) {
    auto body = map.find(kind.name);
    if (!body) continue;
    if (out) {
      map.value().key_error(*map.entry(kind.name), "a step does one thing", "make two steps of it");
    } else {
      out.emplace(&kind, std::move(*body));
    }
  }
  return out;
}

void report_no_kind(MapReader& map) {
  const auto& value = map.value();
  // What is left over is most likely a misspelt kind, all the more so with a dot in it.
  for (const auto& [entry, ignored] : map.rest()) {
    const auto close = closest_match(entry->key, kind_names());
    value.key_error(*entry, fmt::format("unknown step kind \"{}\"", printable(entry->key, 60)),
                    close ? fmt::format("did you mean \"{}\"?", *close)
                          : fmt::format("expected one of {}", fmt::join(kind_names(), ", ")));
    return;
  }
  value.error("the step does nothing", fmt::format("it needs one of {}", fmt::join(kind_names(), ", ")));
}

void read_name(MapReader& map, const std::map<std::string, const StepKind*>& earlier, StepSpec& step) {
  if (!map.required("name", step.name, as_identifier)) return;
  if (earlier.count(step.name) != 0)
    map.find("name")->error(fmt::format("the name \"{}\" is taken by an earlier step", step.name));
}

/// What a step and an undo have in common: their kind, its arguments, and how it is run.
void read_doing(MapReader& map, const StepKind& kind, const Value& body, const References& references, StepSpec& step) {
  step.kind = kind.name;
  step.timeout = kind.timeout;
  map.optional("timeout", step.timeout, config::as_positive_duration);
  if (const auto retry = map.find("retry")) step.retry = read_retry(*retry);
  read_on_unknown(map, kind, step);
  if (const auto target = map.find("target")) {
    References in_target = references;
    in_target.steps = nullptr;
    step.target = read_template(*target, in_target).value_or(Template());
    if (kind.target_kinds.empty()) target->error(fmt::format("{} has no use for a target", kind.name));
  }
  read_arguments(body, kind, references, step);
  check_command(body, step);
  check_text_map(body, step, "headers");
  check_text_map(body, step, "headers_files");
  check_headers_files(body, step);
  check_text_map(body, step, "env");
  check_literal_path(body, step, "playbook");
  check_literal_path(body, step, "pid_file");
  check_literal_path(body, step, "cgroup");
  check_grace(body, step);
}

/// `undo: inverse`: what the kind declares, with the step's own target and arguments.
StepSpec inverse_of(const StepSpec& step, const StepKind& kind) {
  const StepKind& inverse = *find_step_kind(kind.inverse);
  StepSpec undo;
  undo.name = step.name;
  undo.kind = inverse.name;
  undo.timeout = std::max(inverse.timeout, step.timeout);
  undo.restores = inverse.name == kind.name;
  undo.on_unknown = undo.restores ? OnUnknown::kRerun : inverse.on_unknown;
  undo.target = step.target;
  undo.span = step.span;
  for (const auto& argument : inverse.arguments) {
    if (const auto found = step.arguments.find(argument.name); found != step.arguments.end())
      undo.arguments.insert(*found);
  }
  return undo;
}

void read_undo(const Value& value, const StepKind& kind, const References& references, StepSpec& step) {
  if (!value.is_map()) {
    const config::as_enum<std::string> words({std::pair<std::string, std::string>("inverse", "inverse")});
    if (!words(value)) return;
    if (!kind.inverse.empty()) return step.undo.push_back(inverse_of(step, kind));
    value.error(fmt::format("{} has no inverse", kind.name),
                "say what undoes it, for example undo: {docker.start: {}}");
    return;
  }
  StepSpec undo;
  undo.name = step.name;
  undo.span = value.span();
  MapReader map(value, "\"undo\"");
  for (const auto* key : {"timeout", "retry", "on_unknown", "target"})
    map.has(key);
  const auto found = find_kind(map);
  if (!found) return report_no_kind(map);
  References in_undo = references;
  in_undo.steps = nullptr;
  read_doing(map, *found->first, found->second, in_undo, undo);
  if (undo.target.text().empty() && !found->first->target_kinds.empty()) undo.target = step.target;
  if (found->first->effect == Effect::kReads) value.error(fmt::format("{} undoes nothing", found->first->name));
  map.finish();
  step.undo.push_back(std::move(undo));
}

/// nullopt when the kind could not be found out.
std::optional<StepSpec> read_step(const Value& value, const References& references) {
  StepSpec step;
  step.span = value.span();
  MapReader map(value, "a step");
  if (!map.is_map()) return std::nullopt;
  read_name(map, *references.steps, step);
  for (const auto* key : {"when", "timeout", "retry", "on_unknown", "target", "undo"})
    map.has(key);
  const auto found = find_kind(map);
  if (!found) {
    report_no_kind(map);
    return std::nullopt;
  }
  const auto& [kind, body] = *found;
  read_doing(map, *kind, body, references, step);
  if (const auto when = map.find("when")) step.when = read_conditions(*when, references);
  if (const auto undo = map.find("undo")) read_undo(*undo, *kind, references, step);
  map.finish();
  return step;
}

}  // namespace

std::vector<StepSpec> read_steps(const Value& value, const std::vector<ParamSpec>& params) {
  std::vector<StepSpec> out;
  if (!value.is_list()) {
    value.must_be("a list of steps");
    return out;
  }
  std::map<std::string, const StepKind*> earlier;
  const References references{{"labels", "annotations", "params", "target"}, &params, &earlier};
  for (const auto& item : value.items()) {
    auto step = read_step(item, references);
    if (!step) continue;
    if (!step->name.empty()) earlier.emplace(step->name, find_step_kind(step->kind));
    out.push_back(std::move(*step));
  }
  if (value.node().items.empty()) value.error("\"steps\" must not be empty");
  return out;
}

}  // namespace heal::playbook
