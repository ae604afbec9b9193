#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "common/sim/sim_container_engine.h"
#include "common/system/curl_http_client.h"
#include "common/system/sqlite.h"
#include "common/system/system_clock.h"
#include "tests/crash/service_process.h"
#include "tests/support/fake_docker.h"
#include "tests/support/temp_folder.h"

namespace heal {

/// Two rules fire for the same container.
inline constexpr const char* kNotification = R"({
  "version": "4", "receiver": "heal", "status": "firing", "groupKey": "{}:{}", "truncatedAlerts": 0,
  "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://127.0.0.1:1",
  "alerts": [
    {"status": "firing", "labels": {"alertname": "WebDown", "container": "web"}, "annotations": {},
     "startsAt": "2030-01-02T03:04:05.123Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
     "fingerprint": "00000000000000a1"},
    {"status": "firing", "labels": {"alertname": "WebSlow", "container": "web"}, "annotations": {},
     "startsAt": "2030-01-02T03:04:06Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
     "fingerprint": "00000000000000a2"}]
})";
inline constexpr std::size_t kAlerts = 2;

/// One service's folder, the container engine it works on, and its client.
class Scene {
 public:
  /// `steps` of the playbook; `@mark` in them, and in `rest`, is a program that adds its argument to marks(). `rest` is
  /// what else stands in the playbook, and `config` in heal.yml.
  explicit Scene(const std::string& steps, const std::string& rest = "mode: auto\nstay_healthy: 1m\n",
                 const std::string& config = "") {
    write("mark", fmt::format("#!/bin/sh\necho \"$1\" >> {}\n", (folder_.path() / "marks").string()));
    std::filesystem::permissions(mark(), std::filesystem::perms::owner_all);
    write("heal.yml", fmt::format(R"(version: 1
engines:
  local: {{unix: {}}}
defaults:
  guards: {{fresh_evidence: "off"}}
allow: {{commands: [{}]}}
routes:
  - match: ['alertname=~"WebDown|WebSlow"']
    playbook: restart
    target: "container/local/{{{{ labels.container }}}}"
{})",
                                  socket(), mark(), config));
    write("playbooks/restart.yml", fmt::format(R"(version: 1
playbook: restart
summary: Restart it, and see that it runs.
{}steps:
{}verify:
  within: 10s
  consecutive: 1
  interval: 20ms
  all: [{{container: running}}]
)",
                                               with_mark(rest), with_mark(steps)));
    SimContainer web;
    web.name = "web";
    web.labels = {{"heal.enable", "true"}};
    engine.add(web);
    engine.crash("web", 1);
    engine.forget_calls();
  }

  std::vector<std::string> arguments() const { return {(folder_.path() / "heal.yml").string(), storage().string()}; }
  std::filesystem::path storage() const { return folder_.path() / "store"; }

  /// The status of the answer; 0 when there was none.
  int post(std::uint16_t port) { return post(port, "/webhook", kNotification); }
  int post(std::uint16_t port, const std::string& path, const std::string& body) {
    HttpClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}{}", port, path);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    const auto response = http_.send(request, clock_.deadline_in(30s), {});
    return response ? response->status : 0;
  }

  /// A number out of the store's file, also while the service holds it.
  std::int64_t count(std::string_view sql) {
    auto connection = sqlite::Connection::open((storage() / "heal.db").string(), sqlite::Connection::Mode::kReadOnly);
    if (!connection) return 0;
    return (*connection)->number(sql).value_or(0);
  }

  /// The body of the answer; "" when there was none.
  std::string get(std::uint16_t port, const std::string& path) {
    HttpClientRequest request;
    request.url = fmt::format("http://127.0.0.1:{}{}", port, path);
    const auto response = http_.send(request, clock_.deadline_in(30s), {});
    return response && response->status == 200 ? response->body : "";
  }

  /// Waits until the heal is over or the service is dead; true when it lives.
  bool wait_for_end(test::ServiceProcess& service) {
    return wait_for(service,
                    "SELECT count(*) FROM incidents WHERE state NOT IN "
                    "('received','held','planned','executing','verifying')");
  }
  /// The same until `sql` counts something.
  bool wait_for(test::ServiceProcess& service, std::string_view sql) {
    const Deadline deadline = clock_.deadline_in(60s);
    while (!service.has_ended(10ms)) {
      if (count(sql) > 0) return true;
      if (clock_.steady_now() > deadline) FAIL("it does not happen: " << sql);
    }
    return false;
  }

  /// What the commands of the playbook have left, in order.
  std::vector<std::string> marks() const {
    std::ifstream file(folder_.path() / "marks");
    std::vector<std::string> out;
    for (std::string line; std::getline(file, line);)
      out.push_back(line);
    return out;
  }

  std::size_t calls_of(const std::string& verb) {
    const auto calls = engine.calls();
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(), [&](const SimEngineCall& call) { return call.verb == verb; }));
  }

 private:
  std::string with_mark(std::string text) const {
    for (std::size_t at = 0; (at = text.find("@mark", at)) != std::string::npos;)
      text.replace(at, 5, mark());
    return text;
  }
  std::string mark() const { return (folder_.path() / "mark").string(); }
  std::string socket() const { return (folder_.path() / "docker.sock").string(); }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }

  test::TempFolder folder_;
  SystemClock clock_;
  CurlHttpClient http_;

 public:
  SimContainerEngine engine{clock_};

 private:
  test::FakeDocker docker_{engine, socket()};
};

}  // namespace heal
