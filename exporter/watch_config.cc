#include "exporter/watch_config.h"

#include "common/probe/module_config.h"
#include "exporter/config_values.h"

namespace heal::exporter {
namespace {

using config::MapReader;
using config::Value;

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

std::optional<InContainers> as_in_containers(const Value& value) {
  const std::optional<bool> included = config::as_bool(value);
  if (!included) return std::nullopt;
  return *included ? InContainers::kInclude : InContainers::kExclude;
}

std::optional<ProcessMatcher> as_process_matcher(const Value& value) {
  ProcessMatcher matcher;
  MapReader map(value, "a process");
  map.required("process", matcher.process, config::as_nonempty_string);
  bool is_narrow = map.optional("name", matcher.name, config::as_nonempty_string);
  is_narrow = map.optional("exe", matcher.exe, as_absolute_path) || is_narrow;
  is_narrow = map.optional("cmdline", matcher.cmdline, config::as_regex) || is_narrow;
  is_narrow = map.optional("pid_file", matcher.pid_file, as_absolute_path) || is_narrow;
  map.optional("in_containers", matcher.in_containers, as_in_containers);
  map.finish();
  const bool names_none =
      map.is_map() && !map.has("name") && !map.has("exe") && !map.has("cmdline") && !map.has("pid_file");
  if (names_none) value.error("a process needs name, exe, cmdline or pid_file");
  if (!is_narrow) return std::nullopt;
  return matcher;
}

std::optional<std::string> as_unit_name(const Value& value) {
  std::optional<std::string> name = config::as_nonempty_string(value);
  if (!name) return std::nullopt;
  constexpr std::size_t kMostBytes = 255;
  const bool is_name =
      name->size() <= kMostBytes && name->find('.') != std::string::npos && name->front() != '.' &&
      name->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@") ==
          std::string::npos;
  if (is_name) return name;
  value.must_be("the name of a unit", "with its type, for example nginx.service");
  return std::nullopt;
}

std::optional<std::string> as_unit(const Value& value) {
  std::string unit;
  MapReader map(value, "a unit");
  const bool has_name = map.required("unit", unit, as_unit_name);
  map.finish();
  if (!has_name) return std::nullopt;
  return unit;
}

std::optional<HostWatchConfig> as_host(const Value& value) {
  HostWatchConfig host;
  MapReader map(value, "host");
  map.optional("filesystems", host.filesystems, [](const Value& list) {
    UniqueNames names("file system");
    return config::as_list([&](const Value& item) {
      std::optional<std::string> path = as_absolute_path(item);
      // As the kernel spells it.
      while (path && path->size() > 1 && path->ends_with('/'))
        path->pop_back();
      if (path) names.check(item, *path);
      return path;
    })(list);
  });
  map.finish();
  return host;
}

void read_lists(MapReader& map, WatchConfig& watch) {
  UniqueNames engines("engine"), processes("process"), units("unit");
  map.optional("docker", watch.docker, config::as_list([&](const Value& item) {
                 std::optional<DockerWatchConfig> engine = as_docker_watch(item);
                 if (engine) engines.check(item, engine->engine);
                 return engine;
               }));
  map.optional("processes", watch.processes, config::as_list([&](const Value& item) {
                 std::optional<ProcessMatcher> matcher = as_process_matcher(item);
                 if (matcher) processes.check(item, matcher->process);
                 return matcher;
               }));
  map.optional("systemd", watch.units, config::as_list([&](const Value& item) {
                 std::optional<std::string> unit = as_unit(item);
                 if (unit) units.check(item, *unit);
                 return unit;
               }));
}

void write_docker(std::string& out, const std::vector<DockerWatchConfig>& watches) {
  if (!watches.empty()) out += "  docker:\n";
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

void write_processes(std::string& out, const std::vector<ProcessMatcher>& processes) {
  if (!processes.empty()) out += "  processes:\n";
  const auto write = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) out += fmt::format("      {}: {}\n", key, probe::yaml_scalar(text));
  };
  for (const ProcessMatcher& matcher : processes) {
    out += fmt::format("    - process: {}\n", probe::yaml_scalar(matcher.process));
    write("name", matcher.name);
    write("exe", matcher.exe);
    write("cmdline", matcher.cmdline ? matcher.cmdline->pattern() : "");
    write("pid_file", matcher.pid_file);
    out += fmt::format("      in_containers: {}\n", matcher.in_containers == InContainers::kInclude);
  }
}

void write_host(std::string& out, const HostWatchConfig& host) {
  out += host.filesystems.empty() ? "  host:\n    filesystems: []\n" : "  host:\n    filesystems:\n";
  for (const std::string& path : host.filesystems)
    out += fmt::format("      - {}\n", probe::yaml_scalar(path));
}

}  // namespace

void read_watch(const Value& value, WatchConfig& watch) {
  MapReader map(value, "watch");
  map.optional("interval", watch.interval, as_interval);
  map.optional("proc", watch.proc, as_absolute_path);
  map.optional("bus", watch.bus, as_absolute_path);
  read_lists(map, watch);
  // Without a value it has its defaults: `host:` alone says that the host is watched.
  if (const config::MapEntry* entry = map.entry("host"); entry != nullptr && map.value().child(*entry).is_null()) {
    map.has("host");
    watch.host = HostWatchConfig();
  } else {
    map.optional("host", watch.host, as_host);
  }
  map.finish();
}

std::string watch_yaml(const WatchConfig& watch) {
  if (watch == WatchConfig()) return "";
  std::string out = "watch:\n";
  if (!watch.processes.empty() || !watch.units.empty() || watch.host)
    out += fmt::format("  interval: {}\n", format_duration(watch.interval));
  if (!watch.processes.empty() || watch.host) out += fmt::format("  proc: {}\n", probe::yaml_scalar(watch.proc));
  if (!watch.units.empty()) out += fmt::format("  bus: {}\n", probe::yaml_scalar(watch.bus));
  write_docker(out, watch.docker);
  write_processes(out, watch.processes);
  if (!watch.units.empty()) out += "  systemd:\n";
  for (const std::string& unit : watch.units)
    out += fmt::format("    - unit: {}\n", probe::yaml_scalar(unit));
  if (watch.host) write_host(out, *watch.host);
  return out;
}

}  // namespace heal::exporter
