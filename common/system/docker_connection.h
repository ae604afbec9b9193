#pragma once

#include <string>

#include "common/port/engine_connection.h"
#include "common/system/transfer.h"

namespace heal {

/// Where an engine listens: a unix socket, or TCP.
struct DockerEndpoint {
  std::string unix_socket = "/var/run/docker.sock";
  std::string url = {};        ///< `https://host:2376` or `http://…`; "" for the socket
  std::string ca_file = {};    ///< PEM: authorities that the engine's certificate is checked against
  std::string cert_file = {};  ///< PEM: what we show the engine
  std::string key_file = {};

  bool operator==(const DockerEndpoint&) const = default;
};

/// The API of a Docker daemon over its socket or TCP. Certificates are read anew for each call.
class DockerConnection : public EngineConnection {
 public:
  explicit DockerConnection(DockerEndpoint endpoint) : endpoint_(std::move(endpoint)) {}

  Result<HttpClientResponse> call(const EngineCall& call, const ChunkSink& on_chunk, Deadline deadline,
                                  std::stop_token stop) override;

 private:
  const DockerEndpoint endpoint_;

  Transfers transfers_;
};

}  // namespace heal
