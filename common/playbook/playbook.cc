#include "common/playbook/playbook.h"

#include <fmt/format.h>

#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

void read_mode(MapReader& map, Mode& mode) {
  const auto value = map.find("mode");
  if (!value) {
    if (map.is_map())
      map.value().warning("\"mode\" is not given, so nothing will be done: it is shadow",
                          "write mode: shadow, approve or auto");
    return;
  }
  const config::as_enum<Mode> words({{"shadow", Mode::kShadow}, {"approve", Mode::kApprove}, {"auto", Mode::kAuto}});
  mode = words(*value).value_or(Mode::kShadow);
}

void read_verify(MapReader& map, const References& references, Playbook& out) {
  if (const auto verify = map.find("verify")) {
    out.verify = read_verification(*verify, references);
  } else if (map.is_map()) {
    map.value().warning("\"verify\" is not given: no heal of this playbook can be proved to have helped",
                        "for example: verify: {within: 30s, consecutive: 2, all: [{check: health}]}");
  }
}

Playbook read_playbook(const Value& value, const GuardSettings& defaults) {
  Playbook out;
  out.guards = defaults;
  MapReader map(value, "a playbook");
  read_version(map);
  map.required("playbook", out.name, as_identifier);
  if (const auto name = map.find("playbook")) out.name_span = name->span();
  map.optional("summary", out.summary, config::as_string);
  read_mode(map, out.mode);
  if (const auto params = map.find("params")) out.params = read_params(*params);
  const References references{{"labels", "annotations", "params", "target"}, &out.params, nullptr};
  if (const auto guards = map.find("guards")) {
    read_guards(*guards, out.guards);
    const bool is_unlimited =
        out.guards.cooldown.state == GuardSwitch::kOff && out.guards.budget.state == GuardSwitch::kOff;
    if (is_unlimited) guards->warning("cooldown and budget are both off: nothing limits how often this playbook acts");
  }
  if (const auto before = map.find("before")) out.before = read_checks(*before, references, AllowFailing::kYes);
  if (const auto steps = map.find_required("steps")) out.steps = read_steps(*steps, out.params);
  read_verify(map, references, out);
  map.optional("stay_healthy", out.stay_healthy, config::as_duration);
  read_aftermath(map, references, out);
  map.finish();
  return out;
}

void add_kinds(const std::vector<StepSpec>& steps, std::set<std::string>& kinds) {
  for (const StepSpec& step : steps) {
    kinds.insert(step.kind);
    add_kinds(step.undo, kinds);
  }
}

}  // namespace

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::kShadow:
      return "shadow";
    case Mode::kApprove:
      return "approve";
    case Mode::kAuto:
      return "auto";
  }
  return "shadow";
}

std::string_view to_string(OnFailure on_failure) {
  return on_failure == OnFailure::kUndo ? "undo" : "keep";
}

std::set<std::string> step_kinds_of(const Playbook& playbook) {
  std::set<std::string> kinds;
  add_kinds(playbook.steps, kinds);
  if (playbook.on_resolved) add_kinds(playbook.on_resolved->steps, kinds);
  return kinds;
}

std::optional<Playbook> parse_playbook(const std::string& text, const std::string& file, const GuardSettings& defaults,
                                       config::Diagnostics& diagnostics) {
  const config::Source source(file, text);
  const auto errors_before = diagnostics.errors();
  const auto root = config::parse_yaml(source, diagnostics);
  if (!root) return std::nullopt;
  auto out = read_playbook(Value(*root, source, diagnostics, config::Dialect::kStrict, "the file"), defaults);
  out.file = file;
  out.text = text;
  if (diagnostics.errors() != errors_before) return std::nullopt;
  return out;
}

}  // namespace heal::playbook
