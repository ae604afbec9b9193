#include "exporter/config.h"

#include <algorithm>
#include <set>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/config/file.h"
#include "common/config/yaml.h"
#include "common/probe/engine.h"
#include "common/probe/run.h"
#include "exporter/config_values.h"

namespace heal::exporter {
namespace {

using config::MapReader;
using config::Value;

constexpr Duration kMostTimeout = 1h;
constexpr Duration kUsualTimeout = 10s;

std::optional<Labels> as_labels(const Value& value) {
  const auto map = config::as_string_map(value);
  if (!map) return std::nullopt;
  Labels labels;
  for (const auto& [name, text] : *map) {
    if (!is_label_name(name) || name.starts_with("__")) {
      value.error(fmt::format("\"{}\" is not a label name", name), "letters, digits and _, not beginning with a digit");
    } else if (is_own_label(name)) {
      value.error(fmt::format("label \"{}\" is set by heal-exporter", name), "choose another name");
    } else {
      labels.emplace(name, text);
    }
  }
  return labels;
}

Duration default_timeout(const ScheduledProbe& probe) {
  if (probe.module && probe.module->timeout > Duration::zero()) return probe.module->timeout;
  return std::max(std::min(probe.interval, kUsualTimeout), Duration(1s));
}

/// A file of Prometheus' file_sd, or a glob of them.
std::optional<std::string> as_target_file(const Value& value) {
  std::optional<std::string> path = config::as_nonempty_string(value);
  if (!path) return path;
  const std::string name = to_lower(*path);
  if (name.ends_with(".json") || name.ends_with(".yml") || name.ends_with(".yaml")) return path;
  value.must_be("a path or glob that ends with .json, .yml or .yaml");
  return std::nullopt;
}

void read_targets(MapReader& map, ScheduledProbe& probe, const std::string& folder) {
  map.optional("targets", probe.targets, [](const Value& list) {
    UniqueNames targets("target");
    for (const Value& item : list.items())
      targets.check(item, probe::shown_target(item.text()));
    return config::as_list(config::as_nonempty_string)(list);
  });
  map.optional("file_sd", probe.files, config::as_list(as_target_file));
  for (std::string& file : probe.files)
    file = config::resolve_path(file, folder);
  if (map.is_map() && !map.has("targets") && !map.has("file_sd"))
    map.value().error("a probe needs targets", "\"targets\" lists them, \"file_sd\" names files that do");
}

void read_hysteresis(MapReader& map, ScheduledProbe& probe) {
  constexpr std::int64_t kMostRuns = 1000;
  const auto read = [&](const char* key, std::uint32_t& out) {
    std::int64_t runs = out;
    if (map.optional(key, runs, config::as_integer(1, kMostRuns))) out = static_cast<std::uint32_t>(runs);
  };
  read("down_after", probe.down_after);
  read("up_after", probe.up_after);
}

std::optional<ScheduledProbe> read_probe(const Value& value, const probe::Modules& modules, const std::string& folder) {
  ScheduledProbe probe;
  MapReader map(value, "a probe");
  map.required("name", probe.name, config::as_nonempty_string);
  if (const std::optional<Value> module = map.find_required("module")) {
    const auto known = modules.find(module->text());
    if (known != modules.end()) {
      probe.module = known->second;
    } else {
      std::vector<std::string> names;
      for (const auto& [name, ignored] : modules)
        names.push_back(name);
      module->error(fmt::format("there is no module \"{}\"", module->text()),
                    config::suggestion(module->text(), names));
    }
  }
  read_targets(map, probe, folder);
  map.optional("interval", probe.interval, as_interval);
  probe.jitter = probe.interval / 20;
  if (map.optional("jitter", probe.jitter, config::as_duration) && probe.jitter > probe.interval / 2) {
    map.find("jitter")->must_be("at most half the interval");
  }
  probe.timeout = default_timeout(probe);
  if (map.optional("timeout", probe.timeout, config::as_positive_duration) && probe.timeout > kMostTimeout) {
    map.find("timeout")->must_be("at most 1h");
  }
  read_hysteresis(map, probe);
  map.optional("labels", probe.labels, as_labels);
  map.optional("details", probe.details, config::as_bool);
  map.finish();
  if (!probe.module) return std::nullopt;
  if (const auto& confirm = probe.module->confirm; confirm && probe.confirm_time() <= confirm->interval) {
    value.warning(fmt::format("runs leave no time to confirm a failure, as module \"{}\" asks for", probe.module->name),
                  fmt::format("it asks again {} after the first attempt, and there are {} from that one's begin",
                              format_duration(confirm->interval),
                              format_duration(std::max(probe.confirm_time(), Duration::zero()))));
  }
  return probe;
}

void read_probes(MapReader& file, ExporterConfig& config, const std::string& folder) {
  const std::optional<Value> value = file.find("probes");
  if (!value) return;
  UniqueNames names("probe");
  config::as_list([&](const Value& item) {
    std::optional<ScheduledProbe> probe = read_probe(item, config.modules, folder);
    if (probe) {
      names.check(item, probe->name);
      config.probes.push_back(*std::move(probe));
    }
    return std::optional(0);
  })(*value);
  std::size_t series = 0;
  for (const ScheduledProbe& probe : config.probes)
    series += probe.targets.size();
  if (series > kMostSeries) {
    value->error(fmt::format("{} targets are more than the {} that one exporter schedules", series, kMostSeries));
  }
}

void read_fast_alerts(MapReader& file, ExporterConfig& config, const std::string& folder) {
  std::vector<std::string> probes;
  for (const ScheduledProbe& probe : config.probes)
    probes.push_back(probe.name);
  if (const std::optional<Value> value = file.find("fast_alerts"))
    config.fast_alerts = as_fast_alerts(*value, probes, folder);
}

/// What is wrong with one entry, or is not.
using EntryCheck = Result<probe::TargetPolicy> (*)(const std::vector<std::string>& entry);

/// `allow_targets` or `deny_targets`; nullopt: not there.
std::optional<std::vector<std::string>> read_targets(MapReader& file, std::string_view key, EntryCheck check,
                                                     const char* hint) {
  const std::optional<Value> value = file.find(key);
  if (!value) return std::nullopt;
  for (const Value& item : value->items()) {
    const Result<probe::TargetPolicy> alone = check({item.text()});
    if (!alone.has_value()) item.error(alone.error().message(), hint);
  }
  return config::as_list(config::as_nonempty_string)(*value).value_or(std::vector<std::string>());
}

void read_target_policy(MapReader& file, ExporterConfig& config) {
  const auto allowing = [](const std::vector<std::string>& entry) { return probe::TargetPolicy::create(entry); };
  config.allow_targets =
      read_targets(file, "allow_targets", allowing, "for example nginx, *.example.com:443 or 10.0.0.0/8");
  config.deny_targets = read_targets(file, "deny_targets", probe::TargetPolicy::denying,
                                     "for example nginx, *.example.com:443 or 10.0.0.0/8; sockets that may be probed "
                                     "are listed in allow_targets")
                            .value_or(std::vector<std::string>());
  Result<probe::TargetPolicy> policy = config.allow_targets
                                           ? probe::TargetPolicy::create(*config.allow_targets, config.deny_targets)
                                           : probe::TargetPolicy::denying(config.deny_targets);
  if (policy.has_value()) config.policy = std::make_shared<const probe::TargetPolicy>(*std::move(policy));
}

void write_targets(std::string& out, std::string_view key, const std::vector<std::string>& entries) {
  out += fmt::format("{}:{}\n", key, entries.empty() ? " []" : "");
  for (const std::string& entry : entries)
    out += fmt::format("  - {}\n", probe::yaml_scalar(entry));
}

void write_probes(std::string& out, const std::vector<ScheduledProbe>& probes) {
  if (probes.empty()) return;
  out += "probes:\n";
  for (const ScheduledProbe& probe : probes) {
    out += fmt::format(
        "  - name: {}\n    module: {}\n    interval: {}\n    jitter: {}\n    timeout: {}\n    down_after: {}\n    "
        "up_after: {}\n    details: {}\n",
        probe::yaml_scalar(probe.name), probe::yaml_scalar(probe.module->name), format_duration(probe.interval),
        format_duration(probe.jitter), format_duration(probe.timeout), probe.down_after, probe.up_after, probe.details);
    if (!probe.targets.empty()) out += "    targets:\n";
    for (const std::string& target : probe.targets)
      out += fmt::format("      - {}\n", probe::yaml_scalar(probe::shown_target(target)));
    if (!probe.files.empty()) out += "    file_sd:\n";
    for (const std::string& file : probe.files)
      out += fmt::format("      - {}\n", probe::yaml_scalar(file));
    if (!probe.labels.empty()) out += "    labels:\n";
    for (const auto& [name, text] : probe.labels)
      out += fmt::format("      {}: {}\n", name, probe::yaml_scalar(text));
  }
}

}  // namespace

Duration ScheduledProbe::confirm_time() const {
  if (!module->confirm) return {};
  // A tenth to spare for a run that begins late.
  return probe::confirm_time(*module->confirm, timeout, interval - jitter - interval / 10);
}

bool is_own_label(std::string_view name) {
  static const std::set<std::string_view> kNames{"probe",  "module", "target", "phase",
                                                 "reason", "result", "le",     "state"};
  return kNames.contains(name);
}

std::string free_label(std::string name, const Labels& taken) {
  while (taken.contains(name))
    name.insert(0, "exported_");
  return name;
}

std::string ExporterConfig::yaml() const {
  std::string out = probe::modules_yaml(modules);
  write_probes(out, probes);
  if (fast_alerts) out += fast_alerts->yaml();
  out += watch_yaml(watch);
  if (allow_targets) write_targets(out, "allow_targets", *allow_targets);
  if (!deny_targets.empty()) write_targets(out, "deny_targets", deny_targets);
  return out;
}

std::optional<ExporterConfig> parse_config(const std::string& file, const std::string& text,
                                           config::Diagnostics& diagnostics) {
  const config::Source source(file, text);
  const std::optional<config::Node> node = config::parse_yaml(source, diagnostics);
  if (!node) return std::nullopt;
  const Value value(*node, source, diagnostics, config::Dialect::kGoYaml, "the file");
  if (value.is_null()) {
    value.error("the file is empty", "it needs at least \"modules:\"");
    return std::nullopt;
  }
  ExporterConfig config;
  MapReader map(value, "the file");
  map.optional("modules", config.modules, probe::as_modules);
  const std::string folder = config::folder_of(file);
  read_probes(map, config, folder);
  read_fast_alerts(map, config, folder);
  if (const std::optional<Value> watch = map.find("watch")) read_watch(*watch, config.watch);
  read_target_policy(map, config);
  map.finish();
  if (diagnostics.has_errors()) return std::nullopt;
  return config;
}

std::optional<ExporterConfig> load_config(const std::string& file, config::Diagnostics& diagnostics) {
  const Result<std::string> text = config::read_text_file(file);
  if (!text.has_value()) {
    diagnostics.error({}, text.error().str());
    return std::nullopt;
  }
  return parse_config(file, *text, diagnostics);
}

}  // namespace heal::exporter
