#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/playbook/heal_config.h"
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/dialer.h"
#include "common/port/dns_client.h"
#include "common/port/host.h"
#include "common/port/host_processes.h"
#include "common/port/http_client.h"
#include "common/port/mailer.h"
#include "common/port/process_runner.h"
#include "common/port/prometheus_api.h"
#include "common/port/random.h"
#include "common/port/store.h"

namespace heal::webhook {

/// Everything of the world that heal-webhook touches, and how to connect to what the configuration names. Tests replace
/// any of it.
struct Ports {
  std::shared_ptr<Clock> clock;
  std::shared_ptr<Random> random;
  std::shared_ptr<HttpClient> http;
  std::shared_ptr<Dialer> dialer;
  std::shared_ptr<DnsClient> dns;  ///< null: no name server can be asked
  std::shared_ptr<ProcessRunner> processes;
  std::shared_ptr<Mailer> mailer;  ///< null: mail cannot be sent
  std::shared_ptr<Host> host;      ///< null: nothing can be done to this machine
  /// How faults reach processes; `helper_image` is heal.yml's. Called once.
  std::function<std::shared_ptr<HostProcesses>(const std::string& helper_image)> make_host_processes;
  std::string own_container;  ///< id of the container that we run in; "" for none
  /// Opens the store in a folder; called once, by App::create().
  std::function<Result<std::shared_ptr<Store>>(const std::string& folder)> open_store;
  // Called for each configuration. `config_folder` is where its relative names start.
  std::function<Result<std::shared_ptr<ContainerEngine>>(const playbook::EngineConfig& config,
                                                         const std::string& config_folder)>
      make_engine;
  std::function<Result<std::shared_ptr<PrometheusApi>>(const playbook::HttpEndpoint& config,
                                                       const std::string& config_folder)>
      make_prometheus;
  std::function<Result<std::shared_ptr<AlertmanagerApi>>(const playbook::HttpEndpoint& config,
                                                         const std::string& config_folder)>
      make_alertmanager;
};

/// The real ones.
Ports system_ports();

/// SIGKILL to process `pid` if it belongs to that container.
Status kill_process_of_container(std::int64_t pid, const std::string& container_id);

/// The program of a fault holder; an exit code. Its words go to `say`, a line each.
int hold_fault(const std::vector<std::string>& arguments, const std::function<void(const std::string&)>& say);

}  // namespace heal::webhook
