#include "webhook/actuator/config.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/config/file.h"

namespace heal::actuator {
namespace {

using config::MapReader;
using config::Value;

constexpr std::int64_t kMostRateActions = 100'000;

std::optional<Verb> as_verb(const Value& value) {
  std::vector<std::pair<std::string, Verb>> words;
  for (const Verb verb : rule_verbs())
    words.emplace_back(to_string(verb), verb);
  return config::as_enum<Verb>(std::move(words))(value);
}

std::optional<RateLimit> as_rate(const Value& value) {
  RateLimit out;
  std::int64_t actions = out.actions;
  MapReader map(value, "a rate");
  map.required("actions", actions, config::as_integer(1, kMostRateActions));
  map.required("window", out.window, config::as_positive_duration);
  map.finish();
  out.actions = static_cast<std::uint32_t>(actions);
  return out;
}

std::optional<Labels> as_labels(const Value& value) {
  auto labels = config::as_string_map(value);
  if (labels && labels->empty())
    value.error("a rule needs at least one label: without one it would be for every container");
  if (!labels) return std::nullopt;
  return Labels(labels->begin(), labels->end());
}

std::optional<std::string> as_program(const Value& value) {
  auto path = config::as_nonempty_string(value);
  if (!path || path->front() == '/') return path;
  value.must_be("an absolute path");
  return std::nullopt;
}

/// `exec` without a list of programs would be a shell for everybody.
void check_programs(const Value& value, const Rule& rule) {
  const bool may_exec = std::find(rule.verbs.begin(), rule.verbs.end(), Verb::kExec) != rule.verbs.end();
  if (may_exec && rule.programs.empty()) value.error("a rule with the verb exec needs \"programs\"");
  if (!may_exec && !rule.programs.empty()) value.error("\"programs\" are for a rule with the verb exec");
}

std::optional<Rule> as_rule(const Value& value) {
  Rule out;
  MapReader map(value, "a rule");
  map.required("verbs", out.verbs, config::as_list(as_verb));
  map.required("labels", out.labels, as_labels);
  map.optional("rate", out.rate, as_rate);
  map.optional("programs", out.programs, config::as_list(as_program));
  map.finish();
  check_programs(value, out);
  if (map.is_map() && map.has("verbs") && map.find("verbs")->is_list() && map.find("verbs")->items().empty())
    map.find("verbs")->error("a rule without verbs allows nothing");
  return map.is_map() ? std::optional(out) : std::nullopt;
}

void read_faults(const Value& value, FaultRules& out) {
  MapReader map(value, "\"faults\"");
  map.optional("enabled", out.enabled, config::as_bool);
  map.optional("helper_image", out.helper_image, config::as_nonempty_string);
  map.optional("networks", out.networks, config::as_list(config::as_regex));
  map.optional("rate", out.rate, as_rate);
  map.finish();
}

void read_version(MapReader& map) {
  const auto version = map.find_required("version");
  if (version && version->text() != "1") version->must_be("1");
}

/// A YAML scalar in double quotes.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string show(const RateLimit& rate) {
  return fmt::format("{{actions: {}, window: {}}}", rate.actions, format_duration(rate.window));
}

std::string show(const Rule& rule) {
  std::vector<std::string_view> verbs;
  for (const Verb verb : rule.verbs)
    verbs.push_back(to_string(verb));
  std::vector<std::string> labels;
  for (const auto& [name, value] : rule.labels)
    labels.push_back(fmt::format("{}: {}", quote(name), quote(value)));
  std::vector<std::string> programs;
  for (const auto& program : rule.programs)
    programs.push_back(quote(program));
  const std::string last = programs.empty() ? "" : fmt::format("    programs: [{}]\n", fmt::join(programs, ", "));
  return fmt::format("  - verbs: [{}]\n    labels: {{{}}}\n    rate: {}\n{}", fmt::join(verbs, ", "),
                     fmt::join(labels, ", "), show(rule.rate), last);
}

}  // namespace

std::optional<ActuatorConfig> parse_actuator_config(const std::string& text, const std::string& file,
                                                    config::Diagnostics& diagnostics) {
  const config::Source source(file, text);
  const auto errors_before = diagnostics.errors();
  const auto root = config::parse_yaml(source, diagnostics);
  if (!root) return std::nullopt;
  ActuatorConfig out;
  MapReader map(Value(*root, source, diagnostics, config::Dialect::kStrict, "the file"), "actuator.yml");
  read_version(map);
  map.optional("allow", out.allow, config::as_list(as_rule));
  map.optional("protect", out.protect, config::as_list(config::as_nonempty_string));
  map.optional("total", out.total, as_rate);
  map.optional("max_grace", out.max_grace, config::as_duration);
  map.optional("show_environment", out.show_environment, config::as_bool);
  std::int64_t streams = out.max_streams;
  map.optional("max_streams", streams, config::as_integer(1, 1000));
  out.max_streams = static_cast<std::uint32_t>(streams);
  if (const auto faults = map.find("faults")) read_faults(*faults, out.faults);
  map.finish();
  if (diagnostics.errors() != errors_before) return std::nullopt;
  return out;
}

std::optional<ActuatorConfig> load_actuator_config(const std::string& file, config::Diagnostics& diagnostics) {
  const auto text = config::read_text_file(file);
  if (text) return parse_actuator_config(*text, file, diagnostics);
  diagnostics.error({}, text.error().message());
  return std::nullopt;
}

std::string print_config(const ActuatorConfig& config) {
  std::string out = config.allow.empty() ? "version: 1\nallow: []\n" : "version: 1\nallow:\n";
  for (const Rule& rule : config.allow)
    out += show(rule);
  std::vector<std::string> names, networks;
  for (const auto& name : config.protect)
    names.push_back(quote(name));
  for (const auto& network : config.faults.networks)
    networks.push_back(quote(network.pattern()));
  out += fmt::format("protect: [{}]\ntotal: {}\nmax_grace: {}\n", fmt::join(names, ", "), show(config.total),
                     format_duration(config.max_grace));
  out += fmt::format("show_environment: {}\nmax_streams: {}\n", config.show_environment, config.max_streams);
  out += fmt::format("faults:\n  enabled: {}\n", config.faults.enabled);
  if (!config.faults.helper_image.empty())
    out += fmt::format("  helper_image: {}\n", quote(config.faults.helper_image));
  return out + fmt::format("  networks: [{}]\n  rate: {}\n", fmt::join(networks, ", "), show(config.faults.rate));
}

}  // namespace heal::actuator
