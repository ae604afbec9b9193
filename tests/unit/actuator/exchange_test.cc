// Programs in containers, limits, and containers that take another one's place.
#include <catch2/catch.hpp>

#include "tests/unit/actuator/service.h"

namespace heal::actuator::test {
namespace {

const std::string kConfig = R"(version: 1
allow:
  - verbs: [inspect, logs]
    labels: {heal.enable: "true"}
  - verbs: [exec, update, recreate]
    labels: {heal.enable: "true"}
    programs: [/bin/reload]
    rate: {actions: 2, window: 1m}
)";

struct Bench : Service {
  Bench() : Service(kConfig) {
    sim.add({.name = "web", .labels = {{"heal.enable", "true"}}});
    sim.add({.name = "db", .labels = {}});
    sim.add({.name = "prometheus", .labels = {{"heal.enable", "true"}}});
    sim.on_exec([](const ContainerInfo&, const ExecSpec& spec) -> Result<ExecOutcome> {
      return ExecOutcome{3, "did " + spec.argv.front(), "oops"};
    });
    sim.forget_calls();
  }
};

TEST_CASE("an allow-listed program runs in a labelled container, with its output and exit code") {
  Bench bench;
  const auto ran = bench.client->exec("web", {{"/bin/reload", "now"}, {{"A", "b"}}, "", "/srv", 1000}, soon(), {});
  INFO((ran ? "" : ran.error().str()));
  REQUIRE(ran);
  CHECK(ran->exit_code == 3);
  CHECK(ran->output == "did /bin/reload");
  CHECK(ran->errors == "oops");
  CHECK(bench.log().find("verb=exec_start") != std::string::npos);
}

TEST_CASE("no other program, container, user, variable or terminal passes") {
  Bench bench;
  const auto refusal = [&](const std::string& container, const ExecSpec& spec) {
    const auto ran = bench.client->exec(container, spec, soon(), {});
    REQUIRE_FALSE(ran);
    CHECK(ran.error().code() == ErrorCode::kRefused);
    return ran.error().message();
  };
  CHECK(refusal("web", {{"/bin/sh", "-c", "x"}, {}, "", "", 1000})
            .find("no rule of actuator.yml allows the program /bin/sh") != std::string::npos);
  CHECK(refusal("db", {{"/bin/reload"}, {}, "", "", 1000}).find("exec in db") != std::string::npos);
  CHECK(refusal("prometheus", {{"/bin/reload"}, {}, "", "", 1000}).find("protected") != std::string::npos);
  CHECK(refusal("web", {{"/bin/reload"}, {}, "root", "", 1000}).find("no other user") != std::string::npos);
  CHECK(refusal("web", {{"/bin/reload"}, {{"LD_PRELOAD", "/x"}}, "", "", 1000}).find("LD_") != std::string::npos);
  const auto refused = [&](std::string_view line, std::string_view body) {
    const auto answer = bench.ask(line, body);
    CAPTURE(line, body, answer);
    CHECK(answer.starts_with("403 "));
  };
  const std::string good = R"("AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false)";
  refused("POST /containers/web/exec", "{" + good + R"(,"Cmd":["/bin/reload"],"Privileged":true})");
  refused("POST /containers/web/exec", R"({"Cmd":["/bin/reload"],"Tty":true})");
  refused("POST /containers/web/exec", "{" + good + R"(,"Cmd":[]})");
  refused("POST /exec/unknown/start", R"({"Detach":false,"Tty":false})");
  refused("GET /exec/unknown/json", "");
  CHECK(bench.ask("POST /containers/web/exec", "{" + good + R"(,"Cmd":["/bin/reload"]})").starts_with("201 "));
  refused("POST /exec/exec1/start", R"({"Detach":true,"Tty":false})");
  CHECK(bench.ask("POST /exec/exec1/start", R"({"Detach":false,"Tty":false})").starts_with("200 "));
  refused("POST /exec/exec1/start", R"({"Detach":false,"Tty":false})");
}

TEST_CASE("limits are changed, and nothing else that update could") {
  Bench bench;
  ContainerLimits limits;
  limits.pids = 20;
  const auto updated = bench.client->update("web", limits, soon(), {});
  INFO((updated ? "" : updated.error().str()));
  CHECK(updated);
  CHECK(bench.sim.inspect("web", SteadyTime::max(), {})->limits.pids == 20);
  CHECK(bench.client->update("db", limits, soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(bench.ask("POST /containers/web/update", R"({"RestartPolicy":{"Name":"always"}})").starts_with("403 "));
  CHECK(bench.ask("POST /containers/web/update", R"({"PidsLimit":5,"Devices":[]})").starts_with("403 "));
  CHECK(bench.ask("POST /containers/web/update", "{}").starts_with("403 "));
}

TEST_CASE("a container is made anew through the actuator, step by step, and so rarely as its name's rate says") {
  Bench bench;
  auto& client = *bench.client;
  for (int round = 0; round < 2; ++round) {
    const std::string old = bench.sim.inspect("web", SteadyTime::max(), {})->id;
    const auto made = client.clone("web", "web.heal-new", soon(), {});
    INFO((made ? "" : made.error().str()));
    REQUIRE(made);
    CHECK(client.stop(old, 1s, soon(), {}));
    CHECK(client.rename(old, "web.heal-old", soon(), {}));
    CHECK(client.rename(*made, "web", soon(), {}));
    CHECK(client.start(*made, soon(), {}));
    CHECK(client.remove(old, soon(), {}));
    CHECK(client.inspect("web", soon(), {})->id == *made);
    CHECK(client.remove(*made, soon(), {}).error().code() == ErrorCode::kRefused);
  }
  CHECK(client.clone("web", "web.heal-new", soon(), {}).error().message().find("more than 2 such actions") !=
        std::string::npos);
}

TEST_CASE("a new container that cannot start is taken away and the former one put back") {
  Bench bench;
  auto& client = *bench.client;
  const std::string old = bench.sim.inspect("web", SteadyTime::max(), {})->id;
  const auto made = client.clone("web", "web.heal-new", soon(), {});
  REQUIRE(made);
  REQUIRE(client.stop(old, 1s, soon(), {}));
  REQUIRE(client.rename(old, "web.heal-old", soon(), {}));
  REQUIRE(client.rename(*made, "web", soon(), {}));
  CHECK(client.remove(*made, soon(), {}));
  CHECK(client.rename(old, "web", soon(), {}));
  CHECK(client.start(old, soon(), {}));
  CHECK(bench.sim.inspect("web", SteadyTime::max(), {})->id == old);
}

TEST_CASE("only a container's own likeness may be created, renamed or removed") {
  Bench bench;
  auto& client = *bench.client;
  CHECK(client.clone("web", "other", soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(client.clone("db", "db.heal-new", soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(client.clone("prometheus", "prometheus.heal-new", soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(bench.ask("POST /containers/create?name=web.heal-new", R"({"Image":"x","HostConfig":{"Privileged":true}})")
            .starts_with("403 "));
  CHECK(client.rename("web", "shop", soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(client.rename("db", "db.heal-old", soon(), {}).error().code() == ErrorCode::kRefused);
  bench.sim.add({.name = "prometheus.heal-new", .labels = {{"heal.enable", "true"}}});
  CHECK(client.rename("prometheus.heal-new", "prometheus", soon(), {}).error().code() == ErrorCode::kRefused);
  CHECK(client.remove("web", soon(), {}).error().code() == ErrorCode::kRefused);
  bench.sim.add({.name = "web.heal-old", .labels = {{"heal.enable", "true"}}});
  CHECK(client.remove("web.heal-old", soon(), {}).error().code() == ErrorCode::kRefused);  // it runs
}

}  // namespace
}  // namespace heal::actuator::test
