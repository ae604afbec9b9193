#include "exporter/target_file.h"

#include <set>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/config/file.h"
#include "common/config/yaml.h"
#include "common/wire/json.h"
#include "exporter/config.h"

namespace heal::exporter {
namespace {

using config::MapReader;
using config::Value;

constexpr std::size_t kMostLabelBytes = 64 << 20;
constexpr config::YamlLimits kLimits{kMostTargetFileBytes, 16, 2'000'000, 64 << 20};

struct Group {
  std::vector<std::string> targets;
  Labels labels;
};

/// Each target has a copy of its group's labels.
std::size_t label_bytes(const std::vector<Group>& groups) {
  std::size_t bytes = 0;
  for (const Group& group : groups) {
    std::size_t labels = 0;
    for (const auto& [name, value] : group.labels)
      labels += name.size() + value.size();
    bytes += labels * group.targets.size();
  }
  return bytes;
}

std::vector<FoundTarget> targets_of(const std::vector<Group>& groups) {
  std::vector<FoundTarget> out;
  for (const Group& group : groups) {
    Labels labels;
    for (const auto& [name, value] : group.labels) {
      if (name.starts_with("__") || value.empty()) continue;
      labels.emplace(is_own_label(name) ? free_label(name, group.labels) : name, value);
    }
    for (const std::string& target : group.targets)
      out.push_back({target, labels});
  }
  return out;
}

std::optional<Group> as_group(const Value& value) {
  Group group;
  MapReader map(value, "a target group");
  map.optional("targets", group.targets, config::as_list(config::as_nonempty_string));
  map.optional("labels", group.labels, config::as_string_map);
  if (const std::optional<Value> labels = map.find("labels"); labels && labels->is_map()) {
    for (const config::MapEntry& entry : labels->node().entries) {
      if (!is_label_name(entry.key)) labels->key_error(entry, fmt::format("\"{}\" is not a label name", entry.key));
    }
  }
  map.finish();
  return group;
}

std::vector<Group> read_yaml_groups(const config::Source& source, config::Diagnostics& diagnostics) {
  const std::optional<config::Node> node = config::parse_yaml(source, diagnostics, kLimits);
  if (!node) return {};
  const Value value(*node, source, diagnostics, config::Dialect::kGoYaml, "the file");
  if (value.is_null()) return {};
  return config::as_list(as_group)(value).value_or(std::vector<Group>());
}

Result<Group> parse_json_group(const Json& json, const std::string& at) {
  if (!json.is_object())
    return make_error(ErrorCode::kInvalid, "{}: expected an object, got {}", at, json_type_name(json));
  HEAL_TRY_STATUS(check_members(json, {"targets", "labels"}, at));
  Group group;
  HEAL_TRY(group.labels, get_optional_labels(json, "labels", at));
  for (const auto& [name, value] : group.labels) {
    if (!is_label_name(name))
      return make_error(ErrorCode::kInvalid, "{}/labels: \"{}\" is not a label name", at, printable(name));
  }
  HEAL_TRY(const Json* targets, get_optional_array(json, "targets", at));
  if (targets == nullptr) return group;
  for (const Json& target : *targets) {
    if (!target.is_string() || target.get_ref<const std::string&>().empty())
      return make_error(ErrorCode::kInvalid, "{}/targets: expected addresses as strings, got {}", at,
                        target.is_string() ? "an empty one" : json_type_name(target));
    group.targets.push_back(target.get_ref<const std::string&>());
  }
  return group;
}

Result<std::vector<Group>> parse_json_groups(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  if (!json.is_array()) return make_error(ErrorCode::kInvalid, "expected an array of target groups");
  std::vector<Group> groups;
  for (std::size_t i = 0; i < json.size(); ++i) {
    HEAL_TRY(Group group, parse_json_group(json[i], json_pointer("", i)));
    groups.push_back(std::move(group));
  }
  return groups;
}

/// The place of what `message` begins with, a JSON pointer: JSON is YAML, and YAML's nodes know their places. The file
/// alone when it is no YAML all the same.
SourceSpan place_in_json(const config::Source& source, std::string_view message) {
  config::Diagnostics ignored;
  const std::optional<config::Node> root = config::parse_yaml(source, ignored, kLimits);
  if (!root) return {source.file(), 0, 0};
  SourceSpan place = source.place(root->line, root->byte);
  if (!message.starts_with('/')) return place;
  const config::Node* node = &*root;
  for (const std::string_view token : split(message.substr(1, message.find(':') - 1), '/')) {
    const auto index = parse_int(token);
    const config::Node* child = nullptr;
    if (index && *index >= 0 && static_cast<std::size_t>(*index) < node->items.size()) {
      child = &node->items[static_cast<std::size_t>(*index)];
      place = source.place(child->line, child->byte);
    }
    for (const config::MapEntry& entry : node->entries) {
      if (entry.key != token) continue;
      child = &entry.value;
      place = source.place(entry.line, entry.byte);
    }
    if (child == nullptr) break;
    node = child;
  }
  return place;
}

std::vector<Group> read_json_groups(const config::Source& source, config::Diagnostics& diagnostics) {
  Result<std::vector<Group>> groups = parse_json_groups(source.text());
  if (groups.has_value()) return *std::move(groups);
  const std::string message = groups.error().str();
  const SourceSpan place = place_in_json(source, message);
  const std::string line(place.line > 0 ? source.line(place.line) : "");
  diagnostics.add({config::Severity::kError, place, message, "", line});
  return {};
}

void check_file(const std::string& path, config::Diagnostics& diagnostics) {
  const Result<std::string> text = config::read_text_file(path, kMostTargetFileBytes);
  if (text.has_value()) {
    parse_target_file(path, *text, diagnostics);
  } else if (text.error().code() == ErrorCode::kNotFound) {
    diagnostics.add({config::Severity::kWarning, {path, 0, 0}, "there is no such file of targets", "", ""});
  } else {
    diagnostics.error({path, 0, 0}, text.error().str());
  }
}

}  // namespace

std::optional<std::vector<FoundTarget>> parse_target_file(const std::string& file, const std::string& text,
                                                          config::Diagnostics& diagnostics) {
  const std::size_t errors = diagnostics.errors();
  const config::Source source(file, text);
  const bool is_json = to_lower(file).ends_with(".json");
  const std::vector<Group> groups =
      is_json ? read_json_groups(source, diagnostics) : read_yaml_groups(source, diagnostics);
  const std::size_t bytes = label_bytes(groups);
  if (bytes > kMostLabelBytes) {
    diagnostics.error({file, 0, 0}, fmt::format("the labels of all targets are {} bytes (at most {} are allowed)",
                                                bytes, kMostLabelBytes));
  }
  if (diagnostics.errors() > errors) return std::nullopt;
  return targets_of(groups);
}

Result<std::vector<FoundTarget>> parse_target_file(const std::string& file, const std::string& text) {
  config::Diagnostics diagnostics;
  std::optional<std::vector<FoundTarget>> targets = parse_target_file(file, text, diagnostics);
  if (!targets) return diagnostics.to_error();
  return *std::move(targets);
}

void check_target_files(const std::vector<ScheduledProbe>& probes, config::Diagnostics& diagnostics) {
  std::set<std::string> paths;
  for (const ScheduledProbe& probe : probes) {
    for (const std::string& pattern : probe.files) {
      // A path that is not there is a file that is missing.
      const std::vector<std::string> found =
          config::expand_paths({pattern}, "").value_or(std::vector<std::string>{pattern});
      paths.insert(found.begin(), found.end());
    }
  }
  for (const std::string& path : paths)
    check_file(path, diagnostics);
}

}  // namespace heal::exporter
