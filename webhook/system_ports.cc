#include <memory>
#include <utility>

#include "common/config/file.h"
#include "common/system/curl_http_client.h"
#include "common/system/docker_engine.h"
#include "common/system/host_processes.h"
#include "common/system/http_alertmanager_api.h"
#include "common/system/http_prometheus_api.h"
#include "common/system/posix_process_runner.h"
#include "common/system/sqlite_store.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"
#include "common/system/tcp_dialer.h"
#include "webhook/ports.h"

namespace heal::webhook {
namespace {

Result<ApiEndpoint> endpoint_of(const playbook::HttpEndpoint& config, const std::string& config_folder) {
  ApiEndpoint endpoint;
  endpoint.url = config.url;
  endpoint.insecure_skip_verify = config.insecure_skip_verify;
  if (!config.ca_file.empty()) endpoint.ca_file = config::resolve_path(config.ca_file, config_folder);
  if (config.basic_auth) {
    HEAL_TRY(std::string password, config::load_secret(config.basic_auth->password, config_folder));
    endpoint.basic_auth.emplace(config.basic_auth->username, std::move(password));
  }
  return endpoint;
}

Result<std::shared_ptr<Store>> open_store(const std::string& folder) {
  HEAL_TRY(auto store, SqliteStore::open(folder));
  return std::shared_ptr<Store>(std::move(store));
}

}  // namespace

Ports system_ports() {
  Ports ports;
  ports.clock = std::make_shared<SystemClock>();
  ports.random = std::make_shared<SystemRandom>();
  const auto http = std::make_shared<CurlHttpClient>();
  ports.http = http;
  ports.dialer = std::make_shared<TcpDialer>();
  ports.processes = std::make_shared<PosixProcessRunner>();
  ports.make_host_processes = [](const std::string& helper_image) -> std::shared_ptr<HostProcesses> {
    return std::make_shared<SystemHostProcesses>(ProcessHelper{helper_image});
  };
  ports.own_container = own_container_id();
  ports.open_store = open_store;
  ports.make_engine = [](const playbook::EngineConfig& config) -> Result<std::shared_ptr<ContainerEngine>> {
    return std::shared_ptr<ContainerEngine>(std::make_shared<DockerEngine>(DockerEndpoint{config.unix_socket}));
  };
  // The client outlives the APIs that use it: each keeps it alive.
  ports.make_prometheus = [http](const playbook::HttpEndpoint& config,
                                 const std::string& folder) -> Result<std::shared_ptr<PrometheusApi>> {
    HEAL_TRY(ApiEndpoint endpoint, endpoint_of(config, folder));
    struct Kept {
      std::shared_ptr<HttpClient> client;
      HttpPrometheusApi api;
    };
    auto kept = std::make_shared<Kept>(Kept{http, HttpPrometheusApi(*http, std::move(endpoint))});
    return std::shared_ptr<PrometheusApi>(kept, &kept->api);
  };
  ports.make_alertmanager = [http](const playbook::HttpEndpoint& config,
                                   const std::string& folder) -> Result<std::shared_ptr<AlertmanagerApi>> {
    HEAL_TRY(ApiEndpoint endpoint, endpoint_of(config, folder));
    struct Kept {
      std::shared_ptr<HttpClient> client;
      HttpAlertmanagerApi api;
    };
    auto kept = std::make_shared<Kept>(Kept{http, HttpAlertmanagerApi(*http, std::move(endpoint))});
    return std::shared_ptr<AlertmanagerApi>(kept, &kept->api);
  };
  return ports;
}

Status kill_process_of_container(std::int64_t pid, const std::string& container_id) {
  return kill_container_process(pid, container_id);
}

}  // namespace heal::webhook
