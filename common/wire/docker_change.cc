#include <algorithm>
#include <array>
#include <utility>

#include "common/base/text.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::size_t kShortId = 12;

std::string text_at(const Json& object, const char* name) {
  const Json* value = find_member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

/// `/db:/web/database` is what the engine shows; `/db:database` is what it takes.
Json links_of(const Json& shown) {
  Json links = Json::array();
  for (const Json& link : shown) {
    if (!link.is_string()) continue;
    const auto text = link.get<std::string>();
    const auto colon = text.find(':');
    const auto slash = text.rfind('/');
    const bool has_path = colon != std::string::npos && slash != std::string::npos && slash > colon;
    links.push_back(has_path ? text.substr(0, colon + 1) + text.substr(slash + 1) : text);
  }
  return links;
}

/// True when one of the container's own settings says what is mounted at `destination`.
bool is_mounted_by(const Json& host, const std::string& destination) {
  if (const Json* binds = find_member(host, "Binds"); binds != nullptr && binds->is_array()) {
    for (const Json& bind : *binds) {
      const auto parts = split(bind.is_string() ? bind.get_ref<const std::string&>() : std::string_view(), ':');
      if (parts.size() > 1 && parts[1] == destination) return true;
    }
  }
  const Json* mounts = find_member(host, "Mounts");
  if (mounts == nullptr || !mounts->is_array()) return false;
  return std::any_of(mounts->begin(), mounts->end(),
                     [&](const Json& mount) { return text_at(mount, "Target") == destination; });
}

/// Volumes without a name belong to the container alone: the new one takes them over as if they had been named.
void keep_volumes(const Json& root, Json& host) {
  const Json* mounts = find_member(root, "Mounts");
  if (mounts == nullptr || !mounts->is_array()) return;
  Json binds = Json::array();
  if (const Json* given = find_member(host, "Binds"); given != nullptr && given->is_array()) binds = *given;
  for (const Json& mount : *mounts) {
    const auto name = text_at(mount, "Name");
    const auto destination = text_at(mount, "Destination");
    if (text_at(mount, "Type") != "volume" || name.empty() || is_mounted_by(host, destination)) continue;
    const Json* writable = find_member(mount, "RW");
    const bool is_read_only = writable != nullptr && writable->is_boolean() && !writable->get<bool>();
    binds.push_back(fmt::format("{}:{}{}", name, destination, is_read_only ? ":ro" : ""));
  }
  if (!binds.empty()) host["Binds"] = std::move(binds);
}

/// The engine adds the short id to the aliases by itself.
Json endpoint_of(const std::string& settings, const std::string& id) {
  Json endpoint = parse_json(settings).value_or(Json::object());
  const auto aliases = endpoint.find("Aliases");
  if (aliases == endpoint.end() || !aliases->is_array()) return endpoint;
  Json kept = Json::array();
  for (const Json& alias : *aliases) {
    if (alias != id.substr(0, kShortId)) kept.push_back(alias);
  }
  *aliases = std::move(kept);
  return endpoint;
}

/// A host's or another container's network brings its own host name along.
void clean_config(Json& config, const std::string& id, const std::string& network_mode) {
  const bool is_foreign = network_mode == "host" || network_mode.starts_with("container:");
  if (is_foreign || text_at(config, "Hostname") == id.substr(0, kShortId)) config.erase("Hostname");
  if (is_foreign) config.erase("ExposedPorts");
  if (text_at(config, "MacAddress").empty()) config.erase("MacAddress");
}

Result<DockerClone> clone_of(const Json& root, const ContainerInfo& info) {
  HEAL_TRY(const Json* config, get_object(root, "Config"));
  HEAL_TRY(const Json* host_config, get_object(root, "HostConfig"));
  Json body = *config;
  Json host = *host_config;
  const Json* auto_remove = find_member(host, "AutoRemove");
  if (auto_remove != nullptr && auto_remove->is_boolean() && auto_remove->get<bool>()) {
    return make_error(ErrorCode::kConflict, "container {} removes itself when it ends, it cannot be made anew",
                      info.name);
  }
  clean_config(body, info.id, info.network_mode);
  if (!body["Labels"].is_object()) body["Labels"] = Json::object();
  body["Labels"][std::string(kReplacesLabel)] = info.id;
  if (const Json* links = find_member(host, "Links"); links != nullptr && links->is_array())
    host["Links"] = links_of(*links);
  keep_volumes(root, host);
  body["HostConfig"] = std::move(host);
  const std::string first = info.network_mode == "default" ? "bridge" : info.network_mode;
  DockerClone out;
  for (const auto& [network, settings] : info.networks) {
    Json endpoint = endpoint_of(settings, info.id);
    // Engines before API 1.44 take one network at creation.
    if (network == first) {
      body["NetworkingConfig"] = Json{{"EndpointsConfig", Json{{network, std::move(endpoint)}}}};
    } else {
      out.more_networks.emplace_back(network, dump(endpoint));
    }
  }
  out.body = dump(body);
  return out;
}

}  // namespace

Result<DockerClone> write_docker_clone(std::string_view inspected) {
  HEAL_TRY(const ContainerInfo info, parse_docker_inspect(inspected));
  const auto root = parse_json(inspected);
  if (!root) return make_error(ErrorCode::kProtocol, "the engine's answer (inspect): {}", root.error().str());
  return clone_of(*root, info);
}

std::string write_docker_update(const ContainerLimits& limits) {
  Json body = Json::object();
  const auto add = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) body[name] = *value;
  };
  add("Memory", limits.memory_bytes);
  add("MemorySwap", limits.memory_swap_bytes);
  add("NanoCpus", limits.nano_cpus);
  add("CpuQuota", limits.cpu_quota_us);
  add("CpuPeriod", limits.cpu_period_us);
  add("PidsLimit", limits.pids);
  return dump(body);
}

Result<ContainerLimits> parse_docker_update(std::string_view body) {
  HEAL_TRY(const Json root, parse_json(body));
  ContainerLimits limits;
  HEAL_TRY(limits.memory_bytes, get_optional_int(root, "Memory"));
  HEAL_TRY(limits.memory_swap_bytes, get_optional_int(root, "MemorySwap"));
  HEAL_TRY(limits.nano_cpus, get_optional_int(root, "NanoCpus"));
  HEAL_TRY(limits.cpu_quota_us, get_optional_int(root, "CpuQuota"));
  HEAL_TRY(limits.cpu_period_us, get_optional_int(root, "CpuPeriod"));
  HEAL_TRY(limits.pids, get_optional_int(root, "PidsLimit"));
  return limits;
}

std::string write_docker_exec(const ExecSpec& spec) {
  Json body{{"AttachStdin", false}, {"AttachStdout", true}, {"AttachStderr", true}, {"Tty", false}, {"Cmd", spec.argv}};
  if (!spec.user.empty()) body["User"] = spec.user;
  if (!spec.working_directory.empty()) body["WorkingDir"] = spec.working_directory;
  Json environment = Json::array();
  for (const auto& [name, value] : spec.environment)
    environment.push_back(name + "=" + value);
  if (!environment.empty()) body["Env"] = std::move(environment);
  return dump(body);
}

Result<ExecSpec> parse_docker_exec(std::string_view body) {
  HEAL_TRY(const Json root, parse_json(body));
  ExecSpec spec;
  HEAL_TRY(const Json* command, get_array(root, "Cmd"));
  for (const Json& word : *command) {
    if (word.is_string()) spec.argv.push_back(word.get<std::string>());
  }
  HEAL_TRY(const auto user, get_optional_string(root, "User"));
  spec.user = user.value_or("");
  HEAL_TRY(const auto folder, get_optional_string(root, "WorkingDir"));
  spec.working_directory = folder.value_or("");
  HEAL_TRY(const Json* environment, get_optional_array(root, "Env"));
  if (environment == nullptr) return spec;
  for (const Json& entry : *environment) {
    const auto text = entry.is_string() ? entry.get<std::string>() : "";
    const auto equals = text.find('=');
    if (equals != std::string::npos) spec.environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return spec;
}

Result<std::optional<std::int64_t>> parse_docker_exec_end(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return make_error(ErrorCode::kProtocol, "the engine's answer (exec): {}", root.error().str());
  const auto is_running = get_bool(*root, "Running");
  const auto exit_code = get_optional_int(*root, "ExitCode");
  if (!is_running || !exit_code) {
    return make_error(ErrorCode::kProtocol, "the engine's answer (exec): {}",
                      (is_running ? exit_code.error() : is_running.error()).str());
  }
  return *is_running ? std::optional<std::int64_t>() : *exit_code;
}

}  // namespace heal
