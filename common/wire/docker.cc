#include "common/wire/docker.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/text.h"
#include "common/model/container_modes.h"
#include "common/wire/json.h"

namespace heal {
namespace {

Error as_protocol(std::string_view what, const Error& error) {
  return make_error(ErrorCode::kProtocol, "the engine's answer ({}): {}", what, error.str());
}

/// Runs `parse` on the JSON in `body`; what does not fit becomes kProtocol, other errors stay.
template <typename Parse>
auto parse_answer(std::string_view what, std::string_view body, Parse parse) -> decltype(parse(Json())) {
  const auto json = parse_json(body);
  if (!json) return as_protocol(what, json.error());
  auto value = parse(*json);
  if (!value && value.error().code() == ErrorCode::kInvalid) return as_protocol(what, value.error());
  return value;
}

std::string without_slash(std::string name) {
  if (!name.empty() && name[0] == '/') name.erase(0, 1);
  return name;
}

/// The members of an endpoint's settings that were chosen by whoever connected it; the rest is the engine's own.
std::string endpoint_to_keep(const Json& endpoint) {
  constexpr std::array<const char*, 4> kChosen{"IPAMConfig", "Links", "Aliases", "DriverOpts"};
  Json kept = Json::object();
  for (const char* name : kChosen) {
    if (const Json* value = find_member(endpoint, name)) kept[name] = *value;
  }
  return dump(kept);
}

Status read_networks(const Json& root, std::map<std::string, std::string>& networks) {
  HEAL_TRY(const Json* settings, get_optional_object(root, "NetworkSettings"));
  if (settings == nullptr) return {};
  HEAL_TRY(const Json* list, get_optional_object(*settings, "Networks", "/NetworkSettings"));
  if (list == nullptr) return {};
  for (const auto& [name, endpoint] : list->items())
    networks[name] = endpoint_to_keep(endpoint);
  return {};
}

Status read_state(const Json& state, ContainerInfo& info) {
  constexpr std::string_view kAt = "/State";
  HEAL_TRY(info.status, get_string(state, "Status", kAt));
  HEAL_TRY(info.pid, get_int(state, "Pid", kAt));
  HEAL_TRY(info.exit_code, get_int(state, "ExitCode", kAt));
  HEAL_TRY(info.oom_killed, get_bool(state, "OOMKilled", kAt));
  HEAL_TRY(const auto error, get_optional_string(state, "Error", kAt));
  info.error = error.value_or("");
  HEAL_TRY(info.started_at, get_optional_time(state, "StartedAt", kAt));
  HEAL_TRY(info.finished_at, get_optional_time(state, "FinishedAt", kAt));
  HEAL_TRY(const Json* health, get_optional_object(state, "Health", kAt));
  info.health = "none";
  if (health != nullptr) {
    HEAL_TRY(info.health, get_string(*health, "Status", "/State/Health"));
  }
  return {};
}

/// The engine writes 0, and for some null, for no limit at all.
Status read_limits(const Json& host, ContainerLimits& limits) {
  const auto read = [&](const char* name, std::optional<std::int64_t>& into) -> Status {
    HEAL_TRY(into, get_optional_int(host, name, "/HostConfig"));
    if (into == 0) into.reset();
    return {};
  };
  HEAL_TRY_STATUS(read("Memory", limits.memory_bytes));
  HEAL_TRY_STATUS(read("MemorySwap", limits.memory_swap_bytes));
  HEAL_TRY_STATUS(read("NanoCpus", limits.nano_cpus));
  HEAL_TRY_STATUS(read("CpuQuota", limits.cpu_quota_us));
  HEAL_TRY_STATUS(read("CpuPeriod", limits.cpu_period_us));
  return read("PidsLimit", limits.pids);
}

Status read_host_config(const Json& root, ContainerInfo& info) {
  HEAL_TRY(const Json* host, get_object(root, "HostConfig"));
  HEAL_TRY(const auto mode, get_optional_string(*host, "NetworkMode", "/HostConfig"));
  info.network_mode = mode.value_or("");
  HEAL_TRY(const auto auto_remove, get_optional_bool(*host, "AutoRemove", "/HostConfig"));
  info.auto_remove = auto_remove.value_or(false);
  HEAL_TRY(const auto memory, get_optional_int(*host, "Memory", "/HostConfig"));
  if (memory.value_or(0) > 0) info.memory_limit_bytes = memory;
  HEAL_TRY_STATUS(read_limits(*host, info.limits));
  HEAL_TRY(const Json* policy, get_optional_object(*host, "RestartPolicy", "/HostConfig"));
  info.restart_policy = "no";
  if (policy == nullptr) return {};
  HEAL_TRY(const auto name, get_optional_string(*policy, "Name", "/HostConfig/RestartPolicy"));
  if (name && !name->empty()) info.restart_policy = *name;
  return {};
}

Result<ContainerInfo> inspect_of(const Json& root) {
  ContainerInfo info;
  HEAL_TRY(info.id, get_string(root, "Id"));
  HEAL_TRY(auto name, get_string(root, "Name"));
  info.name = without_slash(std::move(name));
  HEAL_TRY(const Json* state, get_object(root, "State"));
  HEAL_TRY_STATUS(read_state(*state, info));
  HEAL_TRY(const Json* config, get_object(root, "Config"));
  HEAL_TRY(info.image, get_string(*config, "Image", "/Config"));
  HEAL_TRY(info.labels, get_optional_labels(*config, "Labels", "/Config"));
  HEAL_TRY_STATUS(read_host_config(root, info));
  HEAL_TRY(const auto restarts, get_optional_int(root, "RestartCount"));
  info.restart_count = restarts.value_or(0);
  HEAL_TRY(info.created_at, get_optional_time(root, "Created"));
  HEAL_TRY_STATUS(read_networks(root, info.networks));
  return info;
}

/// `Up 3 minutes (healthy)`, `Exited (137) 2 hours ago`: the only place where the list says it.
void read_status_text(std::string_view text, ContainerInfo& info) {
  info.health = text.find("(healthy)") != std::string_view::npos            ? "healthy"
                : text.find("(unhealthy)") != std::string_view::npos        ? "unhealthy"
                : text.find("(health: starting)") != std::string_view::npos ? "starting"
                                                                            : "none";
  constexpr std::string_view kExited = "Exited (";
  if (text.substr(0, kExited.size()) != kExited) return;
  text.remove_prefix(kExited.size());
  info.exit_code = parse_int(text.substr(0, text.find(')'))).value_or(0);
}

/// A container that others link to has more names, each with the other's name before it: `/web/db`.
std::string own_name(const Json& names) {
  for (const Json& name : names) {
    if (!name.is_string()) continue;
    auto text = without_slash(name.get<std::string>());
    if (text.find('/') == std::string::npos) return text;
  }
  return "";
}

Result<ContainerInfo> list_entry_of(const Json& entry, std::string_view at) {
  ContainerInfo info;
  HEAL_TRY(info.id, get_string(entry, "Id", at));
  HEAL_TRY(const Json* names, get_array(entry, "Names", at));
  info.name = own_name(*names);
  HEAL_TRY(info.image, get_string(entry, "Image", at));
  HEAL_TRY(info.status, get_string(entry, "State", at));
  HEAL_TRY(const auto text, get_optional_string(entry, "Status", at));
  read_status_text(text.value_or(""), info);
  HEAL_TRY(info.labels, get_optional_labels(entry, "Labels", at));
  HEAL_TRY(const auto created, get_optional_int(entry, "Created", at));
  if (created) info.created_at = WallTime(from_seconds(static_cast<double>(*created)));
  HEAL_TRY(const Json* host, get_optional_object(entry, "HostConfig", at));
  if (host != nullptr) {
    HEAL_TRY(const auto mode, get_optional_string(*host, "NetworkMode", at));
    info.network_mode = mode.value_or("");
  }
  HEAL_TRY_STATUS(read_networks(entry, info.networks));
  return info;
}

Result<std::vector<ContainerInfo>> list_of(const Json& root) {
  if (!root.is_array()) return make_error(ErrorCode::kInvalid, "expected an array");
  std::vector<ContainerInfo> list;
  for (std::size_t i = 0; i < root.size(); ++i) {
    HEAL_TRY(auto info, list_entry_of(root[i], json_pointer("", i)));
    list.push_back(std::move(info));
  }
  return list;
}

std::uint64_t count_at(const Json& root, std::initializer_list<const char*> path) {
  const Json* value = &root;
  for (const char* name : path) {
    value = find_member(*value, name);
    if (value == nullptr) return 0;
  }
  if (value->is_number_unsigned()) return value->get<std::uint64_t>();
  if (!value->is_number_float()) return 0;
  const double number = value->get<double>();
  return number >= 0 && number < 0x1p63 ? static_cast<std::uint64_t>(number) : 0;
}

Result<ContainerStats> stats_of(const Json& root) {
  HEAL_TRY(const Json* cpu, get_object(root, "cpu_stats"));
  HEAL_TRY(const Json* memory, get_object(root, "memory_stats"));
  HEAL_TRY(const auto read_at, get_optional_time(root, "read"));
  if (!read_at || memory->empty()) return make_error(ErrorCode::kConflict, "the container is not running");
  ContainerStats stats;
  stats.cpu_seconds_total = static_cast<double>(count_at(*cpu, {"cpu_usage", "total_usage"})) * 1e-9;
  const auto usage = count_at(*memory, {"usage"});
  // cgroup v1 has total_inactive_file, v2 inactive_file; this is what `docker stats` shows as memory in use.
  auto cache = count_at(*memory, {"stats", "total_inactive_file"});
  if (cache == 0) cache = count_at(*memory, {"stats", "inactive_file"});
  stats.memory_bytes = cache < usage ? usage - cache : usage;
  stats.memory_limit_bytes = count_at(*memory, {"limit"});
  stats.pids = count_at(root, {"pids_stats", "current"});
  return stats;
}

Result<std::optional<ContainerEvent>> event_of(const Json& root) {
  HEAL_TRY(const auto type, get_optional_string(root, "Type"));
  if (type != "container") return std::optional<ContainerEvent>();
  ContainerEvent event;
  HEAL_TRY(event.action, get_string(root, "Action"));
  HEAL_TRY(const Json* actor, get_object(root, "Actor"));
  HEAL_TRY(event.id, get_string(*actor, "ID", "/Actor"));
  HEAL_TRY(event.attributes, get_optional_labels(*actor, "Attributes", "/Actor"));
  const auto take = [&](const char* name, std::string& into) {
    if (auto node = event.attributes.extract(name)) into = std::move(node.mapped());
  };
  take("name", event.name);
  take("image", event.image);
  HEAL_TRY(const auto nanoseconds, get_int(root, "timeNano"));
  event.at = WallTime(Duration(nanoseconds));
  return std::optional<ContainerEvent>(std::move(event));
}

}  // namespace

Result<ContainerInfo> parse_docker_inspect(std::string_view body) {
  return parse_answer("inspect", body, inspect_of);
}

Result<std::vector<ContainerInfo>> parse_docker_list(std::string_view body) {
  return parse_answer("list", body, list_of);
}

Result<ContainerStats> parse_docker_stats(std::string_view body) {
  return parse_answer("stats", body, stats_of);
}

Result<std::optional<ContainerEvent>> parse_docker_event(std::string_view line) {
  return parse_answer("event", line, event_of);
}

Result<std::int64_t> parse_docker_wait(std::string_view body) {
  return parse_answer("wait", body, [](const Json& root) { return get_int(root, "StatusCode"); });
}

Result<std::string> parse_docker_created(std::string_view body) {
  return parse_answer("create", body, [](const Json& root) { return get_string(root, "Id"); });
}

Result<bool> parse_docker_has_tty(std::string_view body) {
  return parse_answer("inspect", body, [](const Json& root) -> Result<bool> {
    HEAL_TRY(const Json* config, get_object(root, "Config"));
    HEAL_TRY(const auto tty, get_optional_bool(*config, "Tty", "/Config"));
    return tty.value_or(false);
  });
}

Result<DockerVersion> parse_docker_version(std::string_view body) {
  return parse_answer("version", body, [](const Json& root) -> Result<DockerVersion> {
    DockerVersion version;
    HEAL_TRY(version.engine, get_string(root, "Version"));
    HEAL_TRY(version.api, get_string(root, "ApiVersion"));
    HEAL_TRY(const auto minimum, get_optional_string(root, "MinAPIVersion"));
    version.min_api = minimum.value_or("");
    return version;
  });
}

std::optional<int> docker_api_minor(std::string_view version) {
  if (version.substr(0, 2) != "1.") return std::nullopt;
  const auto minor = parse_int(version.substr(2));
  if (!minor || *minor < 0 || *minor > 9999) return std::nullopt;
  return static_cast<int>(*minor);
}

Error docker_error(int status, std::string_view body) {
  std::string words = printable(trim(body), 300);
  if (const auto json = parse_json(body)) {
    if (const auto message = get_string(*json, "message")) words = printable(trim(*message), 500);
  }
  if (words.empty()) words = "no reason given";
  const auto says = [&](std::string_view part) { return words.find(part) != std::string::npos; };
  auto code = ErrorCode::kInternal;
  if (status == 409 || says("already exists in network") || says("is not connected to") || says("is not paused")) {
    code = ErrorCode::kConflict;
  } else if (status == 400) {
    code = ErrorCode::kInvalid;
  } else if (status == 401) {
    code = ErrorCode::kUnauthorized;
  } else if (status == 403 || status == 429) {
    code = ErrorCode::kRefused;
  } else if (status == 404) {
    code = ErrorCode::kNotFound;
  } else if (status >= 502 && status <= 504) {
    code = ErrorCode::kUnavailable;
  } else if (status < 400) {
    code = ErrorCode::kProtocol;
  }
  return make_error(code, "the engine answers {}: {}", status, words);
}

std::string demux_docker_log(std::string_view bytes) {
  constexpr std::size_t kHeader = 8;
  std::string out;
  while (bytes.size() >= kHeader) {
    std::size_t size = 0;
    for (std::size_t i = 4; i < kHeader; ++i)
      size = size << 8U | static_cast<unsigned char>(bytes[i]);
    bytes.remove_prefix(kHeader);
    out += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return out;
}

std::optional<WallTime> last_docker_log_time(std::string_view log) {
  while (!log.empty() && log.back() == '\n')
    log.remove_suffix(1);
  const auto line_start = log.rfind('\n');
  if (line_start != std::string_view::npos) log.remove_prefix(line_start + 1);
  const auto time = parse_rfc3339(log.substr(0, log.find(' ')));
  return time ? *time : std::nullopt;
}

std::string write_docker_create(const ContainerSpec& spec) {
  Json body{{"Image", spec.image}, {"Labels", to_json_value(spec.labels)}};
  if (!spec.entrypoint.empty()) body["Entrypoint"] = spec.entrypoint;
  if (!spec.command.empty()) body["Cmd"] = spec.command;
  if (!spec.user.empty()) body["User"] = spec.user;
  Json host{{"NetworkMode", spec.network_mode}, {"AutoRemove", spec.auto_remove}};
  const bool with_groups = spec.pid_mode == kHostProcessesAndGroups;
  if (!spec.pid_mode.empty()) host["PidMode"] = with_groups ? "host" : spec.pid_mode;
  if (with_groups) {
    host["CgroupnsMode"] = "host";
    host["Binds"] = Json::array({"/sys/fs/cgroup:/sys/fs/cgroup"});
  }
  if (!spec.cap_add.empty()) host["CapAdd"] = spec.cap_add;
  body["HostConfig"] = std::move(host);
  return dump(body);
}

Result<std::string> write_docker_connect(std::string_view container, std::string_view endpoint) {
  Json body{{"Container", std::string(container)}};
  if (!endpoint.empty()) {
    HEAL_TRY(auto settings, parse_json(endpoint).with_context("endpoint settings"));
    if (!settings.is_object()) {
      return make_error(ErrorCode::kInvalid, "endpoint settings: expected an object, got {}", json_type_name(settings));
    }
    body["EndpointConfig"] = std::move(settings);
  }
  return dump(body);
}

std::string write_docker_disconnect(std::string_view container) {
  return dump(Json{{"Container", std::string(container)}, {"Force", false}});
}

bool is_docker_name(std::string_view text) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text.size() > 255 || !is_alphanumeric(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

Status check_docker_name(std::string_view text, std::string_view what) {
  if (is_docker_name(text)) return {};
  return make_error(ErrorCode::kInvalid, "\"{}\" cannot be a {}'s name or id", printable(text), what);
}

}  // namespace heal
