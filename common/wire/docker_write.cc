#include <utility>

#include "common/base/text.h"
#include "common/model/container_modes.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"

namespace heal {
namespace {

std::string time_text(const std::optional<WallTime>& time) {
  return time ? format_rfc3339_nano(*time) : std::string(kNoTime);
}

Json networks_json(const ContainerInfo& container) {
  Json networks = Json::object();
  for (const auto& [name, endpoint] : container.networks)
    networks[name] = parse_json(endpoint).value_or(Json::object());
  return Json{{"Networks", std::move(networks)}};
}

Json state_json(const ContainerInfo& container) {
  Json state{{"Status", container.status},
             {"Running", container.running() || container.status == "paused" || container.status == "restarting"},
             {"Paused", container.status == "paused"},
             {"Restarting", container.status == "restarting"},
             {"OOMKilled", container.oom_killed},
             {"Dead", container.status == "dead"},
             {"Pid", container.pid},
             {"ExitCode", container.exit_code},
             {"Error", container.error},
             {"StartedAt", time_text(container.started_at)},
             {"FinishedAt", time_text(container.finished_at)}};
  if (container.health != "none") state["Health"] = Json{{"Status", container.health}};
  return state;
}

std::string status_text(const ContainerInfo& container) {
  if (container.status == "exited") return fmt::format("Exited ({}) 1 second ago", container.exit_code);
  if (container.status == "created") return "Created";
  if (container.status == "paused") return "Up 1 second (Paused)";
  if (container.health == "starting") return "Up 1 second (health: starting)";
  return container.health == "none" ? "Up 1 second" : fmt::format("Up 1 second ({})", container.health);
}

Result<std::vector<std::string>> strings_in(const Json& object, std::string_view name, std::string_view at) {
  std::vector<std::string> out;
  HEAL_TRY(const Json* list, get_optional_array(object, name, at));
  if (list == nullptr) return out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_string()) {
      return make_error(ErrorCode::kInvalid, "{}/{}: expected a string", json_pointer(at, name), i);
    }
    out.push_back((*list)[i].get<std::string>());
  }
  return out;
}

}  // namespace

std::string write_docker_inspect(const ContainerInfo& container) {
  Json host{{"NetworkMode", container.network_mode},
            {"RestartPolicy", Json{{"Name", container.restart_policy}}},
            {"AutoRemove", container.auto_remove},
            {"Memory", container.memory_limit_bytes.value_or(0)},
            {"MemorySwap", container.limits.memory_swap_bytes.value_or(0)},
            {"NanoCpus", container.limits.nano_cpus.value_or(0)},
            {"CpuQuota", container.limits.cpu_quota_us.value_or(0)},
            {"CpuPeriod", container.limits.cpu_period_us.value_or(0)},
            {"PidsLimit", container.limits.pids.value_or(0)}};
  return dump(Json{{"Id", container.id},
                   {"Name", "/" + container.name},
                   {"Created", time_text(container.created_at)},
                   {"State", state_json(container)},
                   {"Config", Json{{"Image", container.image}, {"Labels", to_json_value(container.labels)}}},
                   {"HostConfig", std::move(host)},
                   {"RestartCount", container.restart_count},
                   {"NetworkSettings", networks_json(container)}});
}

std::string write_docker_list(const std::vector<ContainerInfo>& containers) {
  Json list = Json::array();
  for (const ContainerInfo& container : containers) {
    const auto created = container.created_at.value_or(WallTime{}).time_since_epoch();
    list.push_back(Json{{"Id", container.id},
                        {"Names", Json::array({"/" + container.name})},
                        {"Image", container.image},
                        {"State", container.status},
                        {"Status", status_text(container)},
                        {"Labels", to_json_value(container.labels)},
                        {"Created", std::chrono::duration_cast<std::chrono::seconds>(created).count()},
                        {"HostConfig", Json{{"NetworkMode", container.network_mode}}},
                        {"NetworkSettings", networks_json(container)}});
  }
  return dump(list);
}

std::string write_docker_stats(const ContainerStats& stats) {
  Json cpu{{"cpu_usage", Json{{"total_usage", static_cast<std::uint64_t>(stats.cpu_seconds_total * 1e9)}}}};
  Json memory{{"usage", stats.memory_bytes}, {"limit", stats.memory_limit_bytes}, {"stats", Json::object()}};
  return dump(Json{{"read", "2030-01-02T03:04:05Z"},
                   {"cpu_stats", std::move(cpu)},
                   {"memory_stats", std::move(memory)},
                   {"pids_stats", Json{{"current", stats.pids}}}});
}

std::string write_docker_event(const ContainerEvent& event) {
  Json attributes = to_json_value(event.attributes);
  attributes["name"] = event.name;
  attributes["image"] = event.image;
  const auto nanoseconds = event.at.time_since_epoch().count();
  return dump(Json{{"Type", "container"},
                   {"Action", event.action},
                   {"Actor", Json{{"ID", event.id}, {"Attributes", std::move(attributes)}}},
                   {"scope", "local"},
                   {"time", nanoseconds / 1'000'000'000},
                   {"timeNano", nanoseconds}});
}

Result<ContainerSpec> parse_docker_create(std::string_view body) {
  HEAL_TRY(const auto root, parse_json(body));
  ContainerSpec spec;
  HEAL_TRY(spec.image, get_string(root, "Image"));
  HEAL_TRY(spec.entrypoint, strings_in(root, "Entrypoint", ""));
  HEAL_TRY(spec.command, strings_in(root, "Cmd", ""));
  HEAL_TRY(spec.labels, get_optional_labels(root, "Labels"));
  HEAL_TRY(const auto user, get_optional_string(root, "User"));
  spec.user = user.value_or("");
  HEAL_TRY(const Json* host, get_optional_object(root, "HostConfig"));
  if (host == nullptr) return spec;
  HEAL_TRY(const auto network, get_optional_string(*host, "NetworkMode", "/HostConfig"));
  spec.network_mode = network.value_or("default");
  HEAL_TRY(const auto pid, get_optional_string(*host, "PidMode", "/HostConfig"));
  spec.pid_mode = pid.value_or("");
  HEAL_TRY(const auto groups, get_optional_string(*host, "CgroupnsMode", "/HostConfig"));
  if (spec.pid_mode == "host" && groups == "host") spec.pid_mode = kHostProcessesAndGroups;
  HEAL_TRY(spec.cap_add, strings_in(*host, "CapAdd", "/HostConfig"));
  HEAL_TRY(const auto remove, get_optional_bool(*host, "AutoRemove", "/HostConfig"));
  spec.auto_remove = remove.value_or(false);
  return spec;
}

}  // namespace heal
