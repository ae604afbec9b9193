#include "common/playbook/reading.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::playbook {
namespace {

using config::Value;

constexpr std::string_view kTargetLabels = "target.labels.";

std::vector<std::string> names_of(const std::vector<ParamSpec>& params) {
  std::vector<std::string> out;
  for (const auto& param : params)
    out.push_back(param.name);
  return out;
}

void check_param(const Value& value, std::size_t offset, std::string_view name, const References& references) {
  const auto names = names_of(*references.params);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  value.error_at(offset, fmt::format("params.{} is not declared under \"params\"", name),
                 config::suggestion(name, names));
}

void check_target_field(const Value& value, std::size_t offset, std::string_view path) {
  static const std::vector<std::string> kFields{"target.id",   "target.kind",  "target.engine",
                                                "target.name", "target.group", "target.labels.<name>"};
  const bool is_label = path.substr(0, kTargetLabels.size()) == kTargetLabels && path.size() > kTargetLabels.size();
  if (is_label || std::find(kFields.begin(), kFields.end(), path) != kFields.end()) return;
  value.error_at(offset, fmt::format("{} is nothing that a target has", path), config::suggestion(path, kFields));
}

void check_step_output(const Value& value, std::size_t offset, std::string_view path, const References& references) {
  const auto parts = split(path, '.');
  std::vector<std::string> steps;
  for (const auto& [name, kind] : *references.steps)
    steps.push_back(name);
  if (parts.size() != 3) {
    value.error_at(offset, fmt::format("{} is not steps.<step>.<output>", path));
    return;
  }
  const auto found = references.steps->find(std::string(parts[1]));
  if (found == references.steps->end()) {
    value.error_at(offset, fmt::format("{} names no step before this one", path), config::suggestion(parts[1], steps));
    return;
  }
  const auto& outputs = found->second->outputs;
  if (std::find(outputs.begin(), outputs.end(), parts[2]) != outputs.end()) return;
  value.error_at(offset, fmt::format("{} has no output \"{}\"", found->second->name, parts[2]),
                 config::suggestion(parts[2], outputs));
}

struct OpWord {
  const char* word;
  Condition::Op op;
};
constexpr OpWord kOps[] = {{"is", Condition::Op::kIs},   {"is_not", Condition::Op::kIsNot},
                           {"in", Condition::Op::kIn},   {"gt", Condition::Op::kGreater},
                           {"lt", Condition::Op::kLess}, {"matches", Condition::Op::kMatches}};

bool read_operand(const Value& value, Condition& condition) {
  switch (condition.op) {
    case Condition::Op::kIn:
      if (auto list = config::as_list(config::as_string)(value)) condition.operands = std::move(*list);
      return true;
    case Condition::Op::kGreater:
    case Condition::Op::kLess: {
      const auto number = config::as_number()(value);
      condition.operands = {value.text()};
      condition.number = number.value_or(0);
      return number.has_value();
    }
    case Condition::Op::kMatches:
      condition.regex = config::as_regex(value);
      condition.operands = {value.text()};
      return condition.regex.has_value();
    case Condition::Op::kIs:
    case Condition::Op::kIsNot:
      condition.operands = {config::as_string(value).value_or("")};
      return true;
  }
  return false;
}

std::optional<Condition> read_condition(const Value& value, const References& references) {
  config::MapReader map(value, "a condition");
  Condition out;
  if (const auto path = map.find_required("value")) {
    out.value = config::as_nonempty_string(*path).value_or("");
    if (!out.value.empty()) check_reference(*path, 0, out.value, references);
  }
  int comparisons = 0;
  bool is_good = true;
  for (const auto& [word, op] : kOps) {
    const auto operand = map.find(word);
    if (!operand) continue;
    ++comparisons;
    out.op = op;
    is_good = read_operand(*operand, out);
  }
  map.finish();
  if (!map.is_map()) return std::nullopt;
  if (comparisons != 1) {
    value.error("a condition needs exactly one of is, is_not, in, gt, lt, matches");
    return std::nullopt;
  }
  return is_good ? std::optional(out) : std::nullopt;
}

}  // namespace

bool is_identifier(std::string_view text) {
  const auto is_alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 64 && is_alnum(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

std::optional<std::string> as_identifier(const Value& value) {
  if (value.is_scalar() && is_identifier(value.text())) return value.text();
  value.must_be("a name of a-z, 0-9, - and _ (at most 64)");
  return std::nullopt;
}

void read_version(config::MapReader& map) {
  const auto version = map.find_required("version");
  if (!version) return;
  const auto number = config::as_integer()(*version);
  if (number && *number != 1) version->error(fmt::format("version {} is not known (expected 1)", *number));
}

void check_reference(const Value& value, std::size_t offset, std::string_view path, const References& references) {
  const auto dot = path.find('.');
  const auto root = path.substr(0, dot);
  const auto rest = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  if (root == "steps" && references.steps != nullptr) {
    check_step_output(value, offset, path, references);
    return;
  }
  if (root == "steps") {
    value.error_at(offset, fmt::format("{} cannot be used here: the plan is complete before the first step runs", path),
                   "outputs of steps may be used in conditions only (when, assert)");
    return;
  }
  const auto& roots = references.roots;
  if (std::find(roots.begin(), roots.end(), root) == roots.end()) {
    auto known = roots;
    if (references.steps != nullptr) known.emplace_back("steps");
    value.error_at(offset, fmt::format("{} cannot be used here", path), config::suggestion(root, known));
    return;
  }
  if (rest.empty()) {
    value.error_at(offset, fmt::format("{} alone names no value (expected {}.<name>)", root, root));
    return;
  }
  if (root == "params") check_param(value, offset, rest, references);
  if (root == "target") check_target_field(value, offset, path);
}

std::optional<Template> read_template(const Value& value, const References& references) {
  const auto text = config::as_string(value);
  if (!text) return std::nullopt;
  auto parsed = Template::parse(*text);
  if (!parsed) {
    value.error(parsed.error().message());
    return std::nullopt;
  }
  for (const auto& reference : parsed->references())
    check_reference(value, reference.offset, reference.path, references);
  return std::move(*parsed);
}

std::vector<Condition> read_conditions(const Value& value, const References& references) {
  const auto read = [&](const Value& item) { return read_condition(item, references); };
  return config::as_list(read)(value).value_or(std::vector<Condition>());
}

}  // namespace heal::playbook
