#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/playbook/bundle.h"
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/dialer.h"
#include "common/port/dns_client.h"
#include "common/port/host.h"
#include "common/port/http_client.h"
#include "common/port/mailer.h"
#include "common/port/process_runner.h"
#include "common/port/prometheus_api.h"
#include "common/port/random.h"

namespace heal::remedy {

/// What the configuration names: the playbooks, and connections to the servers in it. Replaced as a whole by a reload;
/// a heal keeps the one that it was planned with.
struct World {
  WallTime loaded_at{};
  WallTime in_force_since{};  ///< of these very files, also over reloads and restarts
  playbook::Bundle bundle;
  std::map<std::string, std::shared_ptr<ContainerEngine>, std::less<>> engines;  ///< by name
  std::shared_ptr<PrometheusApi> prometheus;                                     ///< null when none is configured
  std::vector<std::shared_ptr<AlertmanagerApi>> alertmanagers;

  /// nullptr when there is none of that name.
  ContainerEngine* engine(std::string_view name) const {
    auto it = engines.find(name);
    return it == engines.end() ? nullptr : it->second.get();
  }
};

/// What does not depend on the configuration. All must outlive their users.
struct Tools {
  Clock& clock;
  Random& random;
  HttpClient& http;
  Dialer& dialer;
  ProcessRunner& processes;
  Mailer* mailer = nullptr;  ///< nullptr: mail cannot be sent
  Host* host = nullptr;      ///< nullptr: nothing can be done to this machine
  DnsClient* dns = nullptr;  ///< nullptr: no name server can be asked
};

}  // namespace heal::remedy
