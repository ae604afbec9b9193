#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/model/container.h"

// Docker's Engine API, versions 1.41 and later: what its answers say, and the bodies that it is sent. Unknown members
// are ignored. An answer that does not fit is kProtocol. Source: moby/moby api/swagger.yaml.

namespace heal {

/// `GET /containers/{id}/json`.
Result<ContainerInfo> parse_docker_inspect(std::string_view body);

/// `GET /containers/json?all=1`. What the list does not say keeps its default (see ContainerEngine::list).
Result<std::vector<ContainerInfo>> parse_docker_list(std::string_view body);

/// `GET /containers/{id}/stats?stream=false&one-shot=true`, cgroup v1 and v2. kConflict for a container that does not
/// run, which the engine answers with zeros.
Result<ContainerStats> parse_docker_stats(std::string_view body);

/// One line of `GET /events`; nullopt for what is not about a container.
Result<std::optional<ContainerEvent>> parse_docker_event(std::string_view line);

/// `POST /containers/{id}/wait`: the exit code.
Result<std::int64_t> parse_docker_wait(std::string_view body);
/// `POST /containers/create`: the id.
Result<std::string> parse_docker_created(std::string_view body);
/// `GET /containers/{id}/json`: true when the container has a terminal, whose log is not framed.
Result<bool> parse_docker_has_tty(std::string_view body);

struct DockerVersion {
  std::string engine;   ///< e.g. `20.10.24`
  std::string api;      ///< the newest that it speaks, e.g. `1.41`
  std::string min_api;  ///< the oldest
};
/// `GET /version`.
Result<DockerVersion> parse_docker_version(std::string_view body);

/// `1.41` as 41; nullopt for anything but major version 1.
std::optional<int> docker_api_minor(std::string_view version);

/// The Error for an answer with a status of 400 or more: kInvalid (400), kUnauthorized (401), kRefused (403, and 429 of
/// a filter that counts), kNotFound (404), kConflict (409, and what else says that the container is not in the state or
/// network that the call needs), kUnavailable (502 to 504), kInternal (other 5xx: the engine could not do it), with the
/// engine's own words.
Error docker_error(int status, std::string_view body);

/// A log of a container without a terminal: frames of {stream, 0, 0, 0, size of 4 bytes big-endian} and payload. Gives
/// the payloads in the order they came. A frame cut at the end of `bytes` gives what there is of it.
std::string demux_docker_log(std::string_view bytes);
/// The time at the front of the last line of a log that was asked for with `timestamps=1`; nullopt when there is none.
std::optional<WallTime> last_docker_log_time(std::string_view log);

/// Body of `POST /containers/create`.
std::string write_docker_create(const ContainerSpec& spec);
/// Body of `POST /networks/{id}/connect`; `endpoint` is a value of ContainerInfo::networks, or "" for defaults.
Result<std::string> write_docker_connect(std::string_view container, std::string_view endpoint);
/// Body of `POST /networks/{id}/disconnect`.
std::string write_docker_disconnect(std::string_view container);

/// What makes a container like one that was inspected, marked with kReplacesLabel: the body of `POST
/// /containers/create`, and the networks that it has to join afterwards, with their endpoint settings.
struct DockerClone {
  std::string body;
  std::vector<std::pair<std::string, std::string>> more_networks;

  bool operator==(const DockerClone&) const = default;
};
/// From the answer of `GET /containers/{id}/json`. kConflict for a container that removes itself when it ends.
Result<DockerClone> write_docker_clone(std::string_view inspected);
/// Body of `POST /containers/{id}/update`.
std::string write_docker_update(const ContainerLimits& limits);
/// Body of `POST /containers/{id}/exec`.
std::string write_docker_exec(const ExecSpec& spec);
/// `GET /exec/{id}/json`: the exit code; nullopt while it runs.
Result<std::optional<std::int64_t>> parse_docker_exec_end(std::string_view body);

/// True for what the engine takes as a container's or network's name or id: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 255.
bool is_docker_name(std::string_view text);
/// kInvalid unless is_docker_name; `what` is `container` or `network`.
Status check_docker_name(std::string_view text, std::string_view what);

// The other direction, for simulated engines: what parse_… gives back.
std::string write_docker_inspect(const ContainerInfo& container);
std::string write_docker_list(const std::vector<ContainerInfo>& containers);
std::string write_docker_stats(const ContainerStats& stats);
std::string write_docker_event(const ContainerEvent& event);
/// The spec that `body` of `POST /containers/create` asks for; its name travels in the URL.
Result<ContainerSpec> parse_docker_create(std::string_view body);
Result<ContainerLimits> parse_docker_update(std::string_view body);
Result<ExecSpec> parse_docker_exec(std::string_view body);

}  // namespace heal
