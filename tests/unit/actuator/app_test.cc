#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/port/host_processes.h"
#include "tests/unit/actuator/service.h"
#include "tests/unit/httpd/raw_client.h"
#include "webhook/actuator/answers.h"

namespace heal::actuator::test {
namespace {

const Labels kEnabled{{"heal.enable", "true"}, {"heal.simulate", "allow"}};

SimContainer sim_container(std::string name, Labels labels) {
  SimContainer out;
  out.name = std::move(name);
  out.labels = std::move(labels);
  out.networks = {"demo_web"};
  return out;
}

std::string message_of(const Status& status) {
  return status ? "" : status.error().message();
}

/// An actuator with a container that may be healed and one that did not ask for it.
struct Usual : Service {
  explicit Usual(const std::string& config = usual_config()) : Service(config) {
    sim.add_network("demo_web");
    sim.add(sim_container("web", kEnabled));
    sim.add(sim_container("db", {}));
    sim.forget_calls();
  }
  std::vector<std::string> changes() {
    std::vector<std::string> out;
    for (const auto& call : sim.calls()) {
      if (call.verb != "inspect" && call.verb != "list") out.push_back(call.verb + " " + call.container);
    }
    return out;
  }
};

TEST_CASE("the engine's client works through the actuator") {
  Usual s;
  const auto web = s.client->inspect("web", soon(), {});
  REQUIRE(web);
  CHECK(web->name == "web");
  CHECK(s.client->version(soon(), {})->api == "1.41");
  CHECK(s.client->restart("web", 1s, soon(), {}));
  CHECK(s.client->kill("web", "SIGKILL", soon(), {}));
  CHECK(s.client->start("web", soon(), {}) == EngineChange::kDone);
  CHECK(s.client->start("web", soon(), {}) == EngineChange::kAlready);
  CHECK(s.client->pause("web", soon(), {}));
  CHECK(s.client->unpause("web", soon(), {}));
  CHECK(s.client->stats("web", soon(), {}));
  s.sim.append_log("web", "hello");
  CHECK(s.client->logs_tail("web", 10, 1000, soon(), {}) == "hello\n");
}

TEST_CASE("an action goes to the engine by id, so that a rename cannot turn it round") {
  Usual s;
  const std::string id = s.client->inspect("web", soon(), {})->id;
  s.sim.forget_calls();
  CHECK(s.client->restart("web", 1s, soon(), {}));
  CHECK(s.changes() == std::vector<std::string>{"restart " + id});
}

TEST_CASE("a list shows only what may be listed") {
  Usual s;
  const auto seen = s.client->list(soon(), {});
  REQUIRE(seen);
  REQUIRE(seen->size() == 1);
  CHECK(seen->front().name == "web");
}

TEST_CASE("a container that did not ask for it is not touched, and the answer says why") {
  Usual s;
  CHECK(message_of(s.client->restart("db", 1s, soon(), {})) ==
        "the engine answers 403: refused by the actuator: restart of db: no rule of actuator.yml allows it for the "
        "container's labels (has it heal.enable=true?)");
  CHECK(s.client->restart("db", 1s, soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(s.client->inspect("db", soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(s.client->inspect("nobody", soon(), {}).error().code() == ErrorCode::kNotFound);
  CHECK(s.changes().empty());
}

TEST_CASE("too many actions on one container are refused until the window has passed") {
  Usual s;
  for (int i = 0; i < 3; ++i)
    CHECK(s.client->restart("web", 1s, soon(), {}));
  CHECK(message_of(s.client->restart("web", 1s, soon(), {})) ==
        "the engine answers 429: refused by the actuator: restart of web: more than 3 such actions on it in 1m");
  CHECK(s.changes().size() == 3);
  s.clock.advance(21s);
  CHECK(s.client->restart("web", 1s, soon(), {}));
}

TEST_CASE("tricks on the wire reach nothing") {
  Usual s;
  const auto refused = [](const std::string& answer) {
    CAPTURE(answer);
    CHECK((answer.starts_with("400 ") || answer.starts_with("403 ") || answer.starts_with("404 ")));
  };
  refused(s.ask("POST /containers/../containers/db/restart"));
  refused(s.ask("POST /containers//db/restart"));
  refused(s.ask("POST /containers/%64b/restart"));
  refused(s.ask("POST /containers/web%2f..%2fdb/restart"));
  refused(s.ask("POST http://docker/containers/db/restart"));
  refused(s.ask("POST /v1.41/containers/web/restart?t=1&t=2"));
  refused(s.ask("POST /containers/create", R"({"Image":"x","HostConfig":{"Privileged":true}})"));
  refused(s.ask("POST /containers/web/exec", R"({"Cmd":["sh"]})"));
  refused(s.ask("POST /containers/web/restart", "{}"));
  refused(s.ask("POST /containers/web/restart", "", "Upgrade: tcp\r\n"));
  refused(s.ask("POST /containers/web/restart", "", "Transfer-Encoding: chunked\r\n"));
  refused(s.ask("POST /containers/web/restart", "", "Content-Length: 5\r\n"));
  refused(s.ask("POST /containers/web/restart", "", "Origin: http://evil.example\r\n"));
  refused(s.ask("PUT /containers/web/archive"));
  refused(s.ask("GET /metrics"));
  CHECK(s.changes().empty());
}

TEST_CASE("the main process of a container is killed through the helper, which is then taken away") {
  Usual s;
  s.sim.on_run([&](const ContainerSpec&, const ContainerInfo&) {
    s.sim.crash("web", 137);
    return std::optional<std::int64_t>(0);
  });
  const auto web = s.client->inspect("web", soon(), {});
  REQUIRE(web);
  s.sim.forget_calls();
  const auto spec = kill_helper_spec("promheal:local", web->id, web->pid);
  const auto id = s.client->run(spec, soon(), {});
  INFO((id ? "" : id.error().str()));
  REQUIRE(id);
  CHECK(s.client->wait(*id, soon(), {}) == 0);
  CHECK(s.client->logs_tail(*id, 5, 500, soon(), {}));
  CHECK(s.client->remove(*id, soon(), {}));
  CHECK(s.client->inspect("web", soon(), {})->status == "exited");
}

TEST_CASE("a helper for another process than the container's own is refused") {
  Usual s;
  const auto web = s.client->inspect("web", soon(), {});
  REQUIRE(web);
  const auto wrong = kill_helper_spec("promheal:local", web->id, web->pid + 1);
  CHECK(s.client->run(wrong, soon(), {}).error().code() == ErrorCode::kRefused);
  const auto db = s.sim.inspect("db", SteadyTime::max(), {});
  const auto closed = kill_helper_spec("promheal:local", db->id, db->pid);
  CHECK(s.client->run(closed, soon(), {}).error().code() == ErrorCode::kRefused);
}

TEST_CASE("a container is cut off and put back with its own settings, on listed networks only") {
  Usual s;
  const auto before = s.client->inspect("web", soon(), {});
  REQUIRE(before);
  REQUIRE(before->networks.count("demo_web") == 1);
  CHECK(s.client->disconnect_network("web", "demo_web", soon(), {}));
  CHECK(s.client->inspect("web", soon(), {})->networks.empty());
  CHECK(s.client->connect_network("web", "demo_web", before->networks.at("demo_web"), soon(), {}));
  CHECK(message_of(s.client->connect_network("web", "bridge", "", soon(), {})) ==
        "the engine answers 403: refused by the actuator: network bridge is not under `faults: networks:` of "
        "actuator.yml");
  CHECK(s.client->disconnect_network("db", "demo_web", soon(), {}).error().code() == ErrorCode::kRefused);
}

TEST_CASE("events pass for containers that may be seen") {
  Usual s;
  std::vector<std::string> seen;
  std::stop_source stop;
  std::thread follower([&] {
    (void)s.client->events(
        std::nullopt,
        [&](const ContainerEvent& event) {
          seen.push_back(event.name + " " + event.action);
          if (event.action == "unpause") stop.request_stop();
        },
        stop.get_token());
  });
  s.sim.wait_for_followers(1);
  s.sim.crash("db", 1);
  CHECK(s.client->pause("web", soon(), {}));
  CHECK(s.client->unpause("web", soon(), {}));
  follower.join();
  CHECK(seen == std::vector<std::string>{"web pause", "web unpause"});
}

TEST_CASE("more streams than allowed are turned away") {
  Usual s(usual_config() + "max_streams: 1\n");
  httpd::test::RawClient first(s.socket());
  first.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  first.read_until("\r\n\r\n");
  CHECK(s.ask("GET /events").starts_with("503 "));
}

TEST_CASE("a stop that names no time gets a bounded one") {
  Usual s(usual_config() + "max_grace: 3s\n");
  CHECK(s.ask("POST /containers/web/restart").starts_with("204 "));
  CHECK(s.ask("POST /containers/web/stop").starts_with("204 "));
  CHECK(s.ask("POST /containers/web/stop?t=4").starts_with("403 "));
  std::vector<std::string> times;
  for (const auto& call : s.sim.calls()) {
    if (call.verb == "stop" || call.verb == "restart") times.push_back(call.argument);
  }
  CHECK(times == std::vector<std::string>{"3s", "3s"});
}

TEST_CASE("how long a stop takes that names no time: the container's own, the engine's, and never more than the most") {
  CHECK(stop_time_of(R"({"Config":{"StopTimeout":45}})", 5min) == 45s);
  CHECK(stop_time_of(R"({"Config":{"StopTimeout":0}})", 5min) == 0s);
  CHECK(stop_time_of(R"({"Config":{"StopTimeout":9000000000000000000}})", 5min) == 5min);
  CHECK(stop_time_of(R"({"Config":{"StopTimeout":-1}})", 5min) == 5min);
  CHECK(stop_time_of(R"({"Config":{}})", 5min) == 10s);
  CHECK(stop_time_of(R"({"Config":{"StopTimeout":"x"}})", 3s) == 3s);
  CHECK(stop_time_of("no JSON", 5min) == 10s);
}

TEST_CASE("whoever looks does not wait behind those that wait for containers to stop") {
  std::string config = usual_config();
  config.replace(config.find("actions: 3"), 10, "actions: 60");
  Usual s(config);
  s.sim.set_delay("stop", 5min);
  std::vector<std::unique_ptr<httpd::test::RawClient>> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(std::make_unique<httpd::test::RawClient>(s.socket()));
    waiting.back()->send("POST /containers/web/stop?t=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  }
  while (s.changes().size() < 20)
    std::this_thread::yield();
  CHECK(s.client->inspect("web", soon(), {}).has_value());
  CHECK(s.client->list(soon(), {}).has_value());
}

TEST_CASE("each decision is one line, with who asked") {
  Usual s;
  CHECK(s.client->restart("web", 1s, soon(), {}));
  CHECK_FALSE(s.client->restart("db", 1s, soon(), {}));
  const std::string log = s.log();
  const std::string who = fmt::format("uid={} pid={} verb=restart", ::getuid(), ::getpid());
  const auto line = [&](const std::string& mark) {
    const auto at = log.find(mark);
    if (at == std::string::npos) return std::string();
    const auto start = log.rfind('\n', at) + 1;
    return log.substr(start, log.find('\n', at) - start);
  };
  INFO(log);
  CHECK(line(who + " container=web").find("decision=allowed rule=\"allow 2\" reason=allowed status=204") !=
        std::string::npos);
  CHECK(line(who + " container=web").find("level=info component=audit") != std::string::npos);
  CHECK(line(who + " container=db").find("decision=refused rule=\"\" reason=not_allowed status=403") !=
        std::string::npos);
  CHECK(line(who + " container=db").find("level=warn component=audit") != std::string::npos);
}

TEST_CASE("calls are counted by verb, outcome and reason") {
  Usual s;
  CHECK(s.client->restart("web", 1s, soon(), {}));
  CHECK_FALSE(s.client->restart("db", 1s, soon(), {}));
  s.ask("POST /build");
  const std::string page = s.app->metrics_text();
  CHECK(page.find("heal_actuator_calls_total{outcome=\"done\",verb=\"restart\"} 1\n") != std::string::npos);
  CHECK(page.find("heal_actuator_calls_total{outcome=\"refused\",verb=\"restart\"} 1\n") != std::string::npos);
  CHECK(page.find("heal_actuator_calls_total{outcome=\"refused\",verb=\"none\"} 1\n") != std::string::npos);
  CHECK(page.find("heal_actuator_refused_total{reason=\"not_allowed\"} 1\n") != std::string::npos);
  CHECK(page.find("heal_actuator_refused_total{reason=\"protected\"} 0\n") != std::string::npos);
}

TEST_CASE("an engine that is gone is a 502, and works again when it is back") {
  Usual s;
  s.docker.reset();
  CHECK(s.client->inspect("web", soon(), {}).error().code() == ErrorCode::kUnavailable);
  const std::string upstream = s.socket().substr(0, s.socket().rfind('/')) + "/docker.sock";
  s.docker = std::make_unique<heal::test::FakeDocker>(s.sim, upstream);
  CHECK(s.client->inspect("web", soon(), {}));
}

TEST_CASE("the socket has the mode that was asked for, from the first moment") {
  Usual s;
  struct stat info {};
  REQUIRE(::stat(s.socket().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0660);
}

TEST_CASE("a reload takes a good file at once and keeps the old one for a bad one") {
  Usual s;
  s.write_config("version: 1\nallow: [{verbs: [inspect], labels: {heal.enable: \"true\"}}]\n");
  CHECK(s.app->reload());
  CHECK(s.client->restart("web", 1s, soon(), {}).error().code() == ErrorCode::kRefused);
  s.write_config("version: 2\n");
  CHECK_FALSE(s.app->reload());
  CHECK(s.client->inspect("web", soon(), {}));
  CHECK(s.app->metrics_text().find("heal_actuator_config_last_reload_successful 0\n") != std::string::npos);
}

TEST_CASE("health and metrics are served on the telemetry address, Docker's API is not") {
  Usual s;
  const auto fetch = [&](const char* line) { return httpd::test::RawClient::fetch(s.app->telemetry_port(), line); };
  CHECK(fetch("GET /-/healthy").body == "Healthy\n");
  CHECK(fetch("GET /-/ready").body == "Ready\n");
  CHECK(fetch("GET /metrics").body.find("heal_actuator_build_info") != std::string::npos);
  CHECK(fetch("GET /containers/json").status == 404);
  CHECK(fetch("GET /_ping").status == 404);
}

}  // namespace
}  // namespace heal::actuator::test
