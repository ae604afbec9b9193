#include <memory>
#include <utility>

#include "common/config/file.h"
#include "common/system/ares_dns_client.h"
#include "common/system/curl_http_client.h"
#include "common/system/curl_mailer.h"
#include "common/system/docker_engine.h"
#include "common/system/fault_holder/holder.h"
#include "common/system/host_processes.h"
#include "common/system/http_alertmanager_api.h"
#include "common/system/http_prometheus_api.h"
#include "common/system/posix_process_runner.h"
#include "common/system/sqlite_store.h"
#include "common/system/system_clock.h"
#include "common/system/system_host.h"
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

/// A file that cannot be read is said when the configuration is taken, not at the first heal.
Result<std::string> certificate_file(std::string_view key, const std::string& name, const std::string& folder) {
  if (name.empty()) return std::string();
  std::string path = config::resolve_path(name, folder);
  HEAL_TRY_STATUS(config::read_text_file(path).with_context("{}", key));
  return path;
}

Result<DockerEndpoint> docker_endpoint_of(const playbook::EngineConfig& config, const std::string& config_folder) {
  DockerEndpoint endpoint;
  endpoint.unix_socket = config.unix_socket;
  if (config.tcp.empty()) return endpoint;
  HEAL_TRY(endpoint.ca_file, certificate_file("ca_file", config.ca_file, config_folder));
  HEAL_TRY(endpoint.cert_file, certificate_file("cert_file", config.cert_file, config_folder));
  HEAL_TRY(endpoint.key_file, certificate_file("key_file", config.key_file, config_folder));
  endpoint.url = (endpoint.cert_file.empty() ? "http://" : "https://") + config.tcp;
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
  ports.dns = std::make_shared<AresDnsClient>();
  ports.processes = std::make_shared<PosixProcessRunner>();
  ports.mailer = std::make_shared<CurlMailer>();
  ports.host = std::make_shared<SystemHost>();
  ports.make_host_processes = [](const std::string& helper_image) -> std::shared_ptr<HostProcesses> {
    return std::make_shared<SystemHostProcesses>(ProcessHelper{helper_image});
  };
  ports.own_container = own_container_id();
  ports.open_store = open_store;
  ports.make_engine = [](const playbook::EngineConfig& config,
                         const std::string& folder) -> Result<std::shared_ptr<ContainerEngine>> {
    HEAL_TRY(DockerEndpoint endpoint, docker_endpoint_of(config, folder));
    return std::shared_ptr<ContainerEngine>(std::make_shared<DockerEngine>(std::move(endpoint)));
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

int hold_fault(const std::vector<std::string>& arguments, const std::function<void(const std::string&)>& say) {
  return run_fault_holder(arguments, say);
}

}  // namespace heal::webhook
