#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/sim/failing_store.h"
#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_dns_client.h"
#include "common/wire/json.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/httpd/raw_client.h"
#include "webhook/app.h"

namespace heal::webhook::test {

using Reply = httpd::test::RawClient::Reply;

/// The JSON that it carries; fails the test when it is none.
Json body_of(const Reply& reply);

/// alice, "open sesame".
inline const std::string kAlice = "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n";

/// heal.yml with a route from NginxDown to the playbook of kRestart, which stands in playbooks/restart.yml.
extern const char* const kHealYml;
extern const char* const kRestart;

/// heal-webhook on simulated ports, with a container `nginx`, reached over real HTTP on a free loopback port.
class Service {
 public:
  explicit Service(AppOptions options = {});
  ~Service();

  /// create() and start(); the error of the first that fails.
  Status start();
  void write(const std::string& name, std::string_view text);

  Reply get(const std::string& path, const std::string& headers = "");
  Reply post(const std::string& path, const std::string& body, const std::string& headers = "");
  /// A request whose reply is read later.
  httpd::test::RawClient ask(const std::string& request_line, const std::string& body = "");
  /// Any other method.
  Reply send(const std::string& method, const std::string& path, const std::string& body);
  Json get_json(const std::string& path);
  /// The value of a sample of /metrics; "" when it is not there.
  std::string metric(std::string_view name);
  std::string log();

  /// A notification about alerts of `nginx`; `edit` may change it.
  std::string notification(const std::function<void(Json&)>& edit = nullptr);
  /// One alert that fires since now and is held by Alertmanager.
  Json firing(const std::string& instance);

  /// Waits, without moving the clock, until `done` holds.
  void await(const std::function<bool()>& done);
  /// Lets time pass until `done` holds and nobody is at work any more.
  void run_until(const std::function<bool()>& done);
  /// The same until the newest incident is in `state`; gives its id.
  std::string run_to(IncidentState state);
  std::size_t restarts();

  heal::test::TempFolder folder;
  std::shared_ptr<FakeClock> clock = std::make_shared<FakeClock>();
  std::shared_ptr<ScriptedHttpClient> http = std::make_shared<ScriptedHttpClient>(*clock);
  std::shared_ptr<SimDnsClient> dns = std::make_shared<SimDnsClient>(*clock);
  std::shared_ptr<SimContainerEngine> engine = std::make_shared<SimContainerEngine>(*clock);
  std::shared_ptr<SimAlertmanagerApi> alertmanager = std::make_shared<SimAlertmanagerApi>(*clock);
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>();
  std::shared_ptr<FailingStore> store = std::make_shared<FailingStore>(memory);
  AppOptions options;
  std::unique_ptr<App> app;

 private:
  Ports ports();

  Mutex mutex_;
  std::string log_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::webhook::test
