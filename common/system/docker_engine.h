#pragma once

#include <atomic>
#include <string>

#include "common/port/container_engine.h"
#include "common/system/docker_connection.h"

namespace heal {

/// A Docker daemon, or whatever filters its API, on a unix socket or behind TLS: API 1.41 to 1.47, the newest that both
/// sides speak.
class DockerEngine : public ContainerEngine {
 public:
  explicit DockerEngine(DockerEndpoint endpoint) : connection_(std::move(endpoint)) {}

  Result<Version> version(Deadline deadline, std::stop_token stop) override;
  Result<std::vector<ContainerInfo>> list(Deadline deadline, std::stop_token stop) override;
  Result<ContainerInfo> inspect(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Result<ContainerStats> stats(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Result<std::optional<WallTime>> last_log_time(const std::string& container, Deadline deadline,
                                                std::stop_token stop) override;
  Result<std::string> logs_tail(const std::string& container, int lines, std::size_t max_bytes, Deadline deadline,
                                std::stop_token stop) override;
  Result<EngineChange> start(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Result<EngineChange> stop(const std::string& container, Duration grace, Deadline deadline,
                            std::stop_token stop) override;
  Status restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) override;
  Status kill(const std::string& container, const std::string& signal, Deadline deadline,
              std::stop_token stop) override;
  Status pause(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status unpause(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status update(const std::string& container, const ContainerLimits& limits, Deadline deadline,
                std::stop_token stop) override;
  Result<ExecOutcome> exec(const std::string& container, const ExecSpec& spec, Deadline deadline,
                           std::stop_token stop) override;
  Result<std::string> clone(const std::string& container, const std::string& name, Deadline deadline,
                            std::stop_token stop) override;
  Status rename(const std::string& container, const std::string& name, Deadline deadline,
                std::stop_token stop) override;
  Status disconnect_network(const std::string& container, const std::string& network, Deadline deadline,
                            std::stop_token stop) override;
  Status connect_network(const std::string& container, const std::string& network, const std::string& endpoint,
                         Deadline deadline, std::stop_token stop) override;
  Result<std::string> run(const ContainerSpec& spec, Deadline deadline, std::stop_token stop) override;
  Result<std::int64_t> wait(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status remove(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status events(std::optional<WallTime> since, const std::function<void(const ContainerEvent&)>& on_event,
                std::stop_token stop) override;

 private:
  /// One call of the API. `path` begins behind the version; `body` "" sends none.
  struct Request {
    std::string method, path, body;
    ChunkSink on_chunk;
    std::size_t max_response_bytes = 16 << 20;
  };

  /// The answer when it is a success or 304; otherwise the engine's refusal as an Error.
  Result<HttpClientResponse> call(const Request& request, Deadline deadline, std::stop_token stop);
  Result<HttpClientResponse> call_once(const Request& request, Deadline deadline, std::stop_token stop);
  Result<HttpClientResponse> transfer(const Request& request, const std::string& prefix, Deadline deadline,
                                      std::stop_token stop);
  /// Minor number of the API version to speak, asked for when it is not known.
  Result<int> api_minor(Deadline deadline, std::stop_token stop);
  /// `POST /containers/{container}/{action}`.
  Result<EngineChange> act(const std::string& container, const std::string& action, Deadline deadline,
                           std::stop_token stop);
  /// The id of a new container. A stop that comes after it was asked for ends this some seconds later.
  Result<std::string> create(const std::string& path, std::string body, Deadline deadline, const std::stop_token& stop);
  Status post_network(const std::string& network, const std::string& action, std::string body, Deadline deadline,
                      std::stop_token stop);

  static std::string container_path(const std::string& container, std::string_view rest);
  /// Until when what an interrupted call began may be taken away again.
  static Deadline clean_up_end();

  DockerConnection connection_;
  std::atomic<int> minor_{0};  // 0: not known, or the daemon may have been replaced
};

}  // namespace heal
