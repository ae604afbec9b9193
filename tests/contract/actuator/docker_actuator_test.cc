#include <algorithm>
#include <fstream>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/port/host_processes.h"
#include "common/system/docker_connection.h"
#include "common/system/docker_engine.h"
#include "common/wire/json.h"
#include "tests/support/temp_folder.h"
#include "webhook/actuator/app.h"

namespace heal::actuator {
namespace {

const std::string kImage = "promheal-test/busybox:contract";
const std::string kConfig = R"(version: 1
allow:
  - verbs: [list, events, inspect, logs, stats]
    labels: {heal.test: actuator}
  - verbs: [start, stop, restart, kill, pause, unpause]
    labels: {heal.test: actuator}
  - verbs: [exec, update, recreate]
    labels: {heal.exchange: actuator}
    programs: [/bin/echo]
faults: {enabled: true, helper_image: "promheal-test/busybox:contract", networks: [bridge]}
)";

Deadline soon() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()) + 30s;
}

/// An actuator before this machine's engine, and containers that are removed with it.
class Bench {
 public:
  Bench() {
    const std::string file = (folder_.path() / "actuator.yml").string();
    std::ofstream(file) << kConfig;
    ActuatorOptions options;
    options.config_file = file;
    options.socket_path = (folder_.path() / "actuator.sock").string();
    app_ = std::move(*ActuatorApp::create(options, system_actuator_ports(options.docker_host), Logger::none()));
    REQUIRE(app_->start());
    client = std::make_unique<DockerEngine>(DockerEndpoint{options.socket_path});
    raw = std::make_unique<DockerConnection>(DockerEndpoint{options.socket_path});
  }
  ~Bench() {
    for (const auto& id : ids_)
      (void)plain.remove(id, soon(), {});
    app_->stop();
  }

  /// A running container; its name.
  std::string add(const std::string& suffix, Labels labels, const std::string& network_mode = "bridge") {
    ContainerSpec spec;
    spec.name = fmt::format("heal-actuator-{}-{}", ::getpid(), suffix);
    spec.image = kImage;
    spec.command = {"/bin/sh", "-c", "echo hello; trap 'exit 7' TERM; while :; do sleep 1 & wait $!; done"};
    spec.labels = std::move(labels);
    spec.network_mode = network_mode;
    spec.auto_remove = false;
    const auto id = plain.run(spec, soon(), {});
    INFO((id ? "" : id.error().str()));
    REQUIRE(id);
    ids_.push_back(*id);
    return spec.name;
  }

  /// A container that never ran and has a secret in its environment.
  std::string add_with_secret(const Labels& labels = {{"heal.test", "actuator"}}) {
    const auto name = fmt::format("heal-actuator-{}-secret", ::getpid());
    const Json body{
        {"Image", kImage}, {"Cmd", {"/bin/sh"}}, {"Env", {"PASSWORD=hunter2"}}, {"Labels", to_json_value(labels)}};
    const auto made = plain_connection.call({"POST", "/containers/create?name=" + name, dump(body)}, {}, soon(), {});
    REQUIRE(made);
    REQUIRE(made->status == 201);
    ids_.push_back(name);
    return name;
  }

  void remove_later(const std::string& id) { ids_.push_back(id); }

  int status_of(const std::string& method, const std::string& path, const std::string& body = "") {
    const auto answer = raw->call({method, path, body}, {}, soon(), {});
    INFO((answer ? "" : answer.error().str()));
    REQUIRE(answer);
    return answer->status;
  }

  DockerEngine plain{DockerEndpoint{}};
  DockerConnection plain_connection{DockerEndpoint{}};
  std::unique_ptr<DockerEngine> client;
  std::unique_ptr<DockerConnection> raw;

 private:
  heal::test::TempFolder folder_;
  std::unique_ptr<ActuatorApp> app_;
  std::vector<std::string> ids_;
};

const Labels kOpen{{"heal.test", "actuator"}, {"heal.simulate", "allow"}};

TEST_CASE("what is allowed does what it says on a real engine") {
  Bench bench;
  auto& client = *bench.client;
  const auto name = bench.add("open", kOpen);
  CHECK(client.inspect(name, soon(), {})->running());
  CHECK(client.stats(name, soon(), {}));
  CHECK(client.last_log_time(name, soon(), {}));
  CHECK(client.pause(name, soon(), {}));
  CHECK(client.inspect(name, soon(), {})->status == "paused");
  CHECK(client.unpause(name, soon(), {}));
  CHECK(client.restart(name, 1s, soon(), {}));
  CHECK(client.kill(name, "SIGKILL", soon(), {}));
  CHECK(bench.plain.wait(name, soon(), {}) == 137);
  CHECK(client.start(name, soon(), {}) == EngineChange::kDone);
  CHECK(client.start(name, soon(), {}) == EngineChange::kAlready);
  CHECK(client.stop(name, 1s, soon(), {}) == EngineChange::kDone);
  CHECK(client.logs_tail(name, 1, 100, soon(), {}) == "hello\n");
}

TEST_CASE("a container is cut off and comes back on a real engine") {
  Bench bench;
  const auto name = bench.add("cut", kOpen);
  const auto before = bench.client->inspect(name, soon(), {});
  REQUIRE(before);
  const auto status = bench.client->disconnect_network(name, "bridge", soon(), {});
  INFO((status ? "" : status.error().str()));
  CHECK(status);
  CHECK(bench.client->inspect(name, soon(), {})->networks.empty());
  CHECK(bench.client->connect_network(name, "bridge", before->networks.at("bridge"), soon(), {}));
  CHECK(bench.client->inspect(name, soon(), {})->networks.count("bridge") == 1);
}

TEST_CASE("a container is not cut off on a real engine while one that may not be broken shares its network") {
  Bench bench;
  const auto name = bench.add("cut", kOpen);
  const auto mate = bench.add("mate", kOpen, "container:" + name);
  const Labels labels = GENERATE(values<Labels>({{}, {{"heal.test", "actuator"}}, kOpen}));
  bench.add("guest", labels, "container:" + mate);
  const auto status = bench.client->disconnect_network(name, "bridge", soon(), {});
  CAPTURE((status ? "" : status.error().str()));
  CHECK(status.has_value() == (labels == kOpen));
  CHECK((status || status.error().code() == ErrorCode::kRefused));
  CHECK(bench.plain.inspect(name, soon(), {})->networks.empty() == (labels == kOpen));
}

TEST_CASE("the list and the events of a real engine speak of allowed containers only") {
  Bench bench;
  const auto open = bench.add("open", kOpen);
  const auto closed = bench.add("closed", {{"heal.test", "other"}});
  const auto list = bench.client->list(soon(), {});
  REQUIRE(list);
  const auto named = [](const std::string& name) {
    return [name](const ContainerInfo& info) { return info.name == name; };
  };
  CHECK(std::count_if(list->begin(), list->end(), named(open)) == 1);
  CHECK(std::count_if(list->begin(), list->end(), named(closed)) == 0);
  CHECK(std::all_of(list->begin(), list->end(),
                    [](const ContainerInfo& info) { return label_value(info.labels, "heal.test") == "actuator"; }));

  const WallTime since = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  CHECK(bench.plain.pause(closed, soon(), {}));
  CHECK(bench.plain.pause(open, soon(), {}));
  std::vector<std::string> seen;
  std::stop_source stop;
  (void)bench.client->events(
      since,
      [&](const ContainerEvent& event) {
        seen.push_back(event.name + " " + event.action);
        stop.request_stop();
      },
      stop.get_token());
  CHECK(seen == std::vector<std::string>{open + " pause"});
}

TEST_CASE("inspections show no environment") {
  Bench bench;
  const auto name = bench.add_with_secret();
  const EngineCall call{"GET", "/v1.41/containers/" + name + "/json"};
  const auto all = bench.plain_connection.call(call, {}, soon(), {});
  const auto filtered = bench.raw->call(call, {}, soon(), {});
  REQUIRE(all);
  REQUIRE(filtered);
  auto expected = parse_json(all->body).value();
  CHECK(expected["Config"]["Env"] == Json::array({"PASSWORD=hunter2"}));
  CHECK(filtered->body.find("hunter2") == std::string::npos);
  expected["Config"]["Env"] = Json::array();
  CHECK(parse_json(filtered->body).value() == expected);
}

const Labels kExchange{{"heal.test", "actuator"}, {"heal.exchange", "actuator"}};

TEST_CASE("an allow-listed program runs in a container of a real engine, and no other") {
  Bench bench;
  const auto name = bench.add("exec", kExchange);
  const auto ran = bench.client->exec(name, {{"/bin/echo", "hello"}, {}, "", "/", 1000}, soon(), {});
  INFO((ran ? "" : ran.error().str()));
  REQUIRE(ran);
  CHECK(ran->exit_code == 0);
  CHECK(ran->output == "hello\n");
  CHECK(bench.client->exec(name, {{"/bin/sh", "-c", "true"}, {}, "", "", 1000}, soon(), {}).error().code() ==
        ErrorCode::kRefused);
}

TEST_CASE("limits of a real container are changed") {
  Bench bench;
  const auto name = bench.add("limits", kExchange);
  ContainerLimits limits;
  limits.pids = 50;
  const auto updated = bench.client->update(name, limits, soon(), {});
  INFO((updated ? "" : updated.error().str()));
  REQUIRE(updated);
  CHECK(bench.plain.inspect(name, soon(), {})->limits.pids == 50);
}

TEST_CASE("a real container is made anew, with the environment that inspections do not show") {
  Bench bench;
  const auto name = bench.add_with_secret(kExchange);
  const auto old = bench.plain.inspect(name, soon(), {})->id;
  const auto made = bench.client->clone(name, name + ".heal-new", soon(), {});
  INFO((made ? "" : made.error().str()));
  REQUIRE(made);
  bench.remove_later(*made);
  CHECK(bench.client->rename(old, name + ".heal-old", soon(), {}));
  CHECK(bench.client->rename(*made, name, soon(), {}));
  CHECK(bench.client->start(*made, soon(), {}));
  CHECK(bench.client->remove(old, soon(), {}));
  const auto all = bench.plain_connection.call({"GET", "/containers/" + *made + "/json"}, {}, soon(), {});
  REQUIRE(all);
  CHECK(parse_json(all->body).value()["Config"]["Env"][0] == "PASSWORD=hunter2");
}

TEST_CASE("what must not pass changes nothing on a real engine") {
  Bench bench;
  const auto open = bench.add("open", kOpen);
  const auto closed = bench.add("closed", {});
  const auto started = bench.plain.inspect(closed, soon(), {})->started_at;
  CHECK(bench.status_of("POST", "/v1.41/containers/" + closed + "/restart") == 403);
  CHECK(bench.status_of("POST", "/containers/" + closed + "/kill") == 403);
  CHECK(bench.status_of("DELETE", "/v1.41/containers/" + closed + "?force=1") == 403);
  CHECK(bench.status_of("DELETE", "/v1.41/containers/" + open + "?force=1") == 403);
  CHECK(bench.status_of("POST", "/v1.41/networks/bridge/disconnect",
                        R"({"Container":")" + closed + R"(","Force":false})") == 403);
  CHECK(bench.status_of("POST", "/v1.41/containers/" + open + "/exec", R"({"Cmd":["true"]})") == 403);
  CHECK(bench.status_of("POST", "/v1.41/containers/" + open + "/update", R"({"Memory":9000000})") == 403);
  CHECK(bench.status_of("POST", "/v1.41/containers/create?name=heal-actuator-evil",
                        R"({"Image":")" + kImage + R"(","HostConfig":{"Privileged":true,"Binds":["/:/host"]}})") ==
        403);
  CHECK(bench.status_of("POST", "/v1.41/containers/prune") == 403);
  CHECK(bench.status_of("GET", "/v1.41/info") == 403);
  CHECK(bench.plain.inspect(closed, soon(), {})->started_at == started);
  CHECK(bench.plain.inspect(open, soon(), {})->running());
  CHECK(bench.plain.inspect("heal-actuator-evil", soon(), {}).error().code() == ErrorCode::kNotFound);
}

TEST_CASE("a short id is another way to name the same container, and a wrong one names none") {
  Bench bench;
  const auto closed = bench.add("closed", {});
  const auto id = bench.plain.inspect(closed, soon(), {})->id;
  CHECK(bench.status_of("POST", "/containers/" + id.substr(0, 12) + "/restart") == 403);
  CHECK(bench.status_of("POST", "/containers/" + id + "/restart") == 403);
  CHECK(bench.status_of("POST", "/containers/heal-actuator-nobody/restart") == 404);
}

TEST_CASE("the helper's container is created as it is, and can be taken away again") {
  Bench bench;
  const auto name = bench.add("open", kOpen);
  const auto info = bench.client->inspect(name, soon(), {});
  REQUIRE(info);
  const auto spec = kill_helper_spec(kImage, info->id, info->pid);
  // The image has no such program: the engine creates the container, cannot start it, and the client removes it.
  const auto id = bench.client->run(spec, soon(), {});
  REQUIRE_FALSE(id);
  INFO(id.error().str());
  CHECK(id.error().message().find("heal-webhook") != std::string::npos);
  CHECK(bench.plain.inspect(spec.name, soon(), {}).error().code() == ErrorCode::kNotFound);
}

}  // namespace
}  // namespace heal::actuator
