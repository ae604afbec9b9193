#include <catch2/catch.hpp>

#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

struct ComposeRig : SimRig {
  ComposeRig() {
    add("shop_web_1", "web", "db:service_started:false,cache:service_healthy:true");
    add("shop_db_1", "db", "");
    add("shop_cache_1", "cache", "db:service_started:false");
    bench.set_target({{"container", "local", "shop_web_1"}, "", {}, std::nullopt, playbook::Simulate::kRefuse});
    engine->forget_calls();
    clock.advance(1min);
  }
  void add(const std::string& name, const std::string& service, const std::string& needs, bool is_enabled = true) {
    engine->add({.name = name,
                 .labels = {{"com.docker.compose.project", "shop"},
                            {"com.docker.compose.service", service},
                            {"com.docker.compose.depends_on", needs},
                            {"heal.enable", is_enabled ? "true" : "false"}}});
  }
  /// The containers that got `verb`, in order.
  std::vector<std::string> got(const std::string& verb) {
    std::vector<std::string> out;
    for (const auto& call : engine->calls()) {
      if (call.verb == verb) out.push_back(look(call.container).name);
    }
    engine->forget_calls();
    return out;
  }
};

TEST_CASE("a project is stopped and started in the order of its needs, and put back as it was") {
  ComposeRig rig;
  REQUIRE(rig.engine->stop("shop_cache_1", 1s, rig.clock.deadline_in(5s), {}).has_value());
  rig.engine->forget_calls();
  const auto done = rig.bench.run("compose.stop: {grace: 1s}, undo: inverse");
  CHECK(done.kind == Kind::kDone);
  CHECK(done.message == "2 of 3 containers stopped");
  CHECK(done.outputs.at("containers") == "shop_web_1 shop_cache_1 shop_db_1");
  CHECK(done.notes ==
        std::vector<std::string>{"shop_web_1: stopped", "shop_cache_1: was already stopped", "shop_db_1: stopped"});
  CHECK(rig.got("stop") == std::vector<std::string>{"shop_web_1", "shop_cache_1", "shop_db_1"});
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.got("start") == std::vector<std::string>{"shop_db_1", "shop_web_1"});
  CHECK_FALSE(rig.look("shop_cache_1").running());

  REQUIRE(rig.bench.run("compose.start: {}, undo: inverse").kind == Kind::kDone);
  CHECK(rig.look("shop_cache_1").running());
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK_FALSE(rig.look("shop_cache_1").running());
  CHECK(rig.look("shop_db_1").running());
}

TEST_CASE("one service of a project is restarted alone") {
  ComposeRig rig;
  rig.add("shop_db_2", "db", "");
  rig.engine->forget_calls();
  rig.clock.advance(1s);
  const auto done = rig.bench.run("compose.restart: {service: db, grace: 1s}");
  CHECK(done.message == "2 of 2 containers restarted");
  CHECK(rig.got("restart") == std::vector<std::string>{"shop_db_1", "shop_db_2"});
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("when one container is not in the inventory, none is touched") {
  ComposeRig rig;
  rig.add("shop_secret_1", "secret", "", false);
  rig.engine->forget_calls();
  const auto refused = rig.bench.run("compose.restart: {}");
  CHECK(refused.reason == "not begun");
  CHECK(refused.message.find("container/local/shop_secret_1") != std::string::npos);
  CHECK(rig.got("restart").empty());
}

TEST_CASE("what an exchange of containers left over is no part of the project") {
  ComposeRig rig;
  rig.add("shop_web_1.heal-old", "web", "");
  rig.engine->forget_calls();
  CHECK(rig.bench.run("compose.restart: {service: web}").message == "1 of 1 containers restarted");
  CHECK(rig.got("restart") == std::vector<std::string>{"shop_web_1"});
}

TEST_CASE("a container for whose grace no time is left is not begun, and what was done is known") {
  ComposeRig rig;
  rig.engine->set_delay("stop", 8s);
  const auto failed = rig.bench.run("compose.stop: {grace: 8s}, timeout: 20s", 20s);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.reason == "timeout");
  CHECK(failed.message ==
        "shop_db_1: not begun, its grace of 8s is longer than what is left of the step's timeout of 20s; 2 of 3 "
        "containers stopped");
  CHECK(failed.outputs.at("changed") == "true");
  CHECK(rig.got("stop") == std::vector<std::string>{"shop_web_1", "shop_cache_1"});
}

TEST_CASE("a project or service that is not there is said") {
  ComposeRig rig;
  CHECK(rig.bench.run("compose.start: {project: other}").message == "there is no container of Compose project other");
  CHECK(rig.bench.run("compose.start: {service: x}").message ==
        "there is no container of Compose project shop, service x");
  rig.engine->add({.name = "alone", .labels = {{"heal.enable", "true"}}});
  rig.bench.set_target({{"container", "local", "alone"}, "", {}, std::nullopt, playbook::Simulate::kRefuse});
  CHECK(rig.bench.run("compose.start: {}").message ==
        "container/local/alone belongs to no Compose project, and the step names none");
}

TEST_CASE("a further try restarts only what was not restarted before, and is known to have happened") {
  ComposeRig rig;
  rig.engine->fail_next("restart", make_error(ErrorCode::kInternal, "the port is taken"));
  REQUIRE(rig.bench.run("compose.restart: {grace: 1s}").kind == Kind::kFailed);
  REQUIRE(rig.got("restart").size() == 3);
  rig.clock.advance(1s);
  const auto again = rig.bench.try_again();
  CHECK(again.kind == Kind::kDone);
  CHECK(again.message == "1 of 1 containers restarted, 2 had been since the first try");
  CHECK(again.outputs.at("changed") == "true");
  CHECK(rig.got("restart") == std::vector<std::string>{"shop_db_1"});
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  rig.clock.advance(1s);
  CHECK(rig.bench.try_again().message == "0 of 0 containers restarted, 3 had been since the first try");
  CHECK(rig.got("restart").empty());
}

TEST_CASE("how long a call that is not known about may still be at work is measured by a clock that does not jump") {
  ComposeRig rig;
  const bool is_project = GENERATE(true, false);
  rig.engine->fail_next("restart", make_error(ErrorCode::kTimeout, "timed out"));
  REQUIRE(rig.bench.run(is_project ? "compose.restart: {grace: 5s}" : "docker.restart: {grace: 5s}").kind ==
          Kind::kUnknown);
  const Duration jump = GENERATE(1h, -1h);
  rig.clock.set_now(rig.clock.now() + jump);
  const SteadyTime then = rig.clock.steady_now();
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
  CHECK(rig.clock.steady_now() - then == 15s);
}

TEST_CASE("a failure is said and the others are done; an open question ends it there") {
  ComposeRig rig;
  rig.engine->fail_next("restart", make_error(ErrorCode::kInternal, "the port is taken"));
  const auto failed = rig.bench.run("compose.restart: {grace: 1s}");
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message == "shop_db_1: the port is taken; 2 of 3 containers restarted");
  CHECK(rig.got("restart").size() == 3);
  rig.engine->lose_answer_of_next("restart", make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("compose.restart: {grace: 1s}").kind == Kind::kUnknown);
  CHECK(rig.got("restart").size() == 1);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);  // one of three was
}

}  // namespace
}  // namespace heal::test
