#include "exporter/config.h"

#include <algorithm>
#include <set>

#include "common/config/decode.h"
#include "common/config/file.h"
#include "common/config/yaml.h"

namespace heal::exporter {
namespace {

using config::MapReader;
using config::Value;

constexpr Duration kLeastInterval = 100ms;
constexpr Duration kMostTimeout = 1h;
constexpr Duration kUsualTimeout = 10s;
constexpr std::size_t kMostSeries = 50'000;

std::optional<Duration> as_interval(const Value& value) {
  const std::optional<Duration> interval = config::as_positive_duration(value);
  if (interval && *interval < kLeastInterval) {
    value.must_be("at least 100ms");
    return std::nullopt;
  }
  return interval;
}

/// Labels that every series of a probe has anyway.
const std::set<std::string, std::less<>>& own_labels() {
  static const std::set<std::string, std::less<>> kNames{"probe",  "module", "target", "phase",
                                                         "reason", "result", "le"};
  return kNames;
}

std::optional<Labels> as_labels(const Value& value) {
  const auto map = config::as_string_map(value);
  if (!map) return std::nullopt;
  Labels labels;
  for (const auto& [name, text] : *map) {
    if (!is_label_name(name) || name.starts_with("__")) {
      value.error(fmt::format("\"{}\" is not a label name", name), "letters, digits and _, not beginning with a digit");
    } else if (own_labels().contains(name)) {
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

/// Reports the items of a list whose name stood there before.
class UniqueNames {
 public:
  explicit UniqueNames(std::string what) : what_(std::move(what)) {}
  void check(const Value& item, const std::string& name) {
    if (!seen_.insert(name).second) item.error(fmt::format("{} \"{}\" is there twice", what_, name));
  }

 private:
  std::string what_;
  std::set<std::string> seen_;
};

std::optional<ScheduledProbe> read_probe(const Value& value, const probe::Modules& modules) {
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
  map.required("targets", probe.targets, [](const Value& list) {
    UniqueNames targets("target");
    for (const Value& item : list.items())
      targets.check(item, item.text());
    return config::as_list(config::as_nonempty_string)(list);
  });
  map.optional("interval", probe.interval, as_interval);
  probe.jitter = probe.interval / 20;
  if (map.optional("jitter", probe.jitter, config::as_duration) && probe.jitter > probe.interval / 2) {
    map.find("jitter")->must_be("at most half the interval");
  }
  probe.timeout = default_timeout(probe);
  if (map.optional("timeout", probe.timeout, config::as_positive_duration) && probe.timeout > kMostTimeout) {
    map.find("timeout")->must_be("at most 1h");
  }
  map.optional("labels", probe.labels, as_labels);
  map.finish();
  if (!probe.module) return std::nullopt;
  return probe;
}

void read_probes(MapReader& file, ExporterConfig& config) {
  const std::optional<Value> value = file.find("probes");
  if (!value) return;
  UniqueNames names("probe");
  config::as_list([&](const Value& item) {
    std::optional<ScheduledProbe> probe = read_probe(item, config.modules);
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

std::optional<std::string> as_absolute_path(const Value& value) {
  std::optional<std::string> path = config::as_nonempty_string(value);
  if (!path || path->front() == '/') return path;
  value.must_be("an absolute path");
  return std::nullopt;
}

std::optional<DockerWatchConfig> as_docker_watch(const Value& value) {
  DockerWatchConfig watch;
  MapReader map(value, "a docker engine");
  map.required("engine", watch.engine, config::as_nonempty_string);
  map.optional("unix", watch.unix_socket, as_absolute_path);
  map.optional("interval", watch.interval, as_interval);
  map.optional("timeout", watch.timeout, config::as_positive_duration);
  map.optional("label", watch.label, config::as_nonempty_string);
  map.optional("expect", watch.expect, config::as_list(config::as_nonempty_string));
  map.finish();
  return watch;
}

void read_watch(MapReader& file, ExporterConfig& config) {
  const std::optional<Value> value = file.find("watch");
  if (!value) return;
  MapReader map(*value, "watch");
  UniqueNames engines("engine");
  map.optional("docker", config.docker, config::as_list([&](const Value& item) {
                 std::optional<DockerWatchConfig> watch = as_docker_watch(item);
                 if (watch) engines.check(item, watch->engine);
                 return watch;
               }));
  for (const char* later : {"processes", "units"}) {
    if (map.has(later)) map.value().key_error(*map.entry(later), fmt::format("\"{}\" cannot be watched yet", later));
  }
  map.finish();
}

void read_allow_targets(MapReader& file, ExporterConfig& config) {
  const std::optional<Value> value = file.find("allow_targets");
  if (!value) return;
  config.allow_targets = config::as_list(config::as_nonempty_string)(*value).value_or(std::vector<std::string>());
  for (const Value& item : value->items()) {
    const Result<probe::TargetPolicy> alone = probe::TargetPolicy::create({item.text()});
    if (!alone.has_value()) item.error(alone.error().message(), "for example nginx, *.example.com:443 or 10.0.0.0/8");
  }
  Result<probe::TargetPolicy> policy = probe::TargetPolicy::create(config.allow_targets);
  if (policy.has_value()) config.policy = std::make_shared<const probe::TargetPolicy>(*std::move(policy));
}

void write_probes(std::string& out, const std::vector<ScheduledProbe>& probes) {
  if (probes.empty()) return;
  out += "probes:\n";
  for (const ScheduledProbe& probe : probes) {
    out +=
        fmt::format("  - name: {}\n    module: {}\n    interval: {}\n    jitter: {}\n    timeout: {}\n    targets:\n",
                    probe::yaml_scalar(probe.name), probe::yaml_scalar(probe.module->name),
                    format_duration(probe.interval), format_duration(probe.jitter), format_duration(probe.timeout));
    for (const std::string& target : probe.targets)
      out += fmt::format("      - {}\n", probe::yaml_scalar(target));
    if (!probe.labels.empty()) out += "    labels:\n";
    for (const auto& [name, text] : probe.labels)
      out += fmt::format("      {}: {}\n", name, probe::yaml_scalar(text));
  }
}

void write_watch(std::string& out, const std::vector<DockerWatchConfig>& watches) {
  if (watches.empty()) return;
  out += "watch:\n  docker:\n";
  for (const DockerWatchConfig& watch : watches) {
    out +=
        fmt::format("    - engine: {}\n      unix: {}\n      interval: {}\n      timeout: {}\n      label: {}\n",
                    probe::yaml_scalar(watch.engine), probe::yaml_scalar(watch.unix_socket),
                    format_duration(watch.interval), format_duration(watch.timeout), probe::yaml_scalar(watch.label));
    if (!watch.expect.empty()) out += "      expect:\n";
    for (const std::string& name : watch.expect)
      out += fmt::format("        - {}\n", probe::yaml_scalar(name));
  }
}

}  // namespace

std::string ExporterConfig::yaml() const {
  std::string out = probe::modules_yaml(modules);
  write_probes(out, probes);
  write_watch(out, docker);
  if (!allow_targets.empty()) out += "allow_targets:\n";
  for (const std::string& entry : allow_targets)
    out += fmt::format("  - {}\n", probe::yaml_scalar(entry));
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
  read_probes(map, config);
  read_watch(map, config);
  read_allow_targets(map, config);
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
