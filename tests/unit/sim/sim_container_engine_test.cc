#include "common/sim/sim_container_engine.h"

#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"

namespace heal {
namespace {

class World {
 public:
  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SimContainerEngine engine{clock};

  Deadline soon() { return clock.deadline_in(60s); }
  ContainerInfo look(const std::string& name) { return engine.inspect(name, soon(), {}).value(); }
};

SimContainer web(const std::string& policy = "no") {
  return {"web", "img", {{"heal.enable", "true"}}, policy, {"bridge"}, {}};
}

TEST_CASE("a crash is followed by what the restart policy says") {
  World world;
  const auto [policy, code, status, restarts] =
      GENERATE(table<std::string, std::int64_t, std::string, std::int64_t>({{"no", 1, "exited", 0},
                                                                            {"always", 0, "running", 1},
                                                                            {"unless-stopped", 1, "running", 1},
                                                                            {"on-failure", 0, "exited", 0},
                                                                            {"on-failure", 1, "running", 1}}));
  CAPTURE(policy, code);
  world.engine.add(web(policy));
  world.clock.advance(5s);
  world.engine.crash("web", code);
  const ContainerInfo info = world.look("web");
  CHECK(info.status == status);
  CHECK(info.restart_count == restarts);
  CHECK(info.finished_at == world.clock.now());
  CHECK(info.exit_code == (status == "running" ? 0 : code));
}

TEST_CASE("a kill through the engine is not undone by the restart policy, a crash after a start is") {
  World world;
  world.engine.add(web("always"));
  CHECK(world.engine.kill("web", "KILL", world.soon(), {}).has_value());
  CHECK(world.look("web").status == "exited");
  CHECK(world.engine.start("web", world.soon(), {}).has_value());
  world.engine.crash("web", 137, true);
  CHECK(world.look("web").status == "running");
}

TEST_CASE("a program that ends at every start is restarted in vain") {
  World world;
  SimContainer container = web("always");
  container.program.exits_at_start = 1;
  world.engine.add(container);
  CHECK(world.look("web").status == "restarting");
  CHECK(world.look("web").restart_count == 1);
}

TEST_CASE("health starts anew with each start and is lost with the process") {
  World world;
  SimContainer container = web();
  container.program.has_healthcheck = true;
  world.engine.add(container);
  CHECK(world.look("web").health == "starting");
  world.engine.set_health("web", "healthy");
  CHECK(world.look("web").health == "healthy");
  world.engine.crash("web", 1);
  CHECK(world.look("web").health == "unhealthy");
  CHECK(world.engine.start("web", world.soon(), {}).has_value());
  CHECK(world.look("web").health == "starting");
}

TEST_CASE("a start that fails says why and leaves it so") {
  World world;
  SimContainer container = web();
  container.program.start_error = "port is already allocated";
  world.engine.create(container);
  const auto start = world.engine.start("web", world.soon(), {});
  CHECK(start.error().str() == "the engine answers 500: port is already allocated");
  CHECK(world.look("web").status == "created");
  CHECK(world.look("web").error == "port is already allocated");
}

TEST_CASE("a failing call does nothing, a lost answer hides what was done") {
  World world;
  world.engine.add(web());
  world.engine.fail_next("stop", make_error(ErrorCode::kUnavailable, "no"));
  CHECK(world.engine.stop("web", 1s, world.soon(), {}).error().str() == "no");
  CHECK(world.look("web").running());
  world.engine.lose_answer_of_next("stop", make_error(ErrorCode::kTimeout, "lost"));
  CHECK(world.engine.stop("web", 1s, world.soon(), {}).error().str() == "lost");
  CHECK_FALSE(world.look("web").running());
  CHECK(world.engine.start("web", world.soon(), {}).has_value());
}

TEST_CASE("a slow engine goes on when its caller has left") {
  World world;
  world.engine.add(web());
  world.engine.set_delay("stop", 10s);
  const auto stopped = world.engine.stop("web", 1s, world.clock.deadline_in(1s), {});
  CHECK(stopped.error().code() == ErrorCode::kTimeout);
  CHECK_FALSE(world.look("web").running());
}

TEST_CASE("an engine that is gone answers nothing and ends its followers") {
  World world;
  world.engine.add(web());
  Status followed;
  std::thread follower([&] { followed = world.engine.events(std::nullopt, [](const auto&) {}, {}); });
  world.engine.wait_for_followers(1);
  world.engine.go_away();
  follower.join();
  CHECK(followed.error().code() == ErrorCode::kUnavailable);
  CHECK(world.engine.list(world.soon(), {}).error().code() == ErrorCode::kUnreachable);
  world.engine.come_back();
  CHECK(world.engine.list(world.soon(), {}).value().size() == 1);
}

TEST_CASE("a container made to be removed is gone when its program ends") {
  World world;
  ContainerSpec spec;
  spec.name = "helper";
  spec.image = "img";
  world.engine.on_run([](const ContainerSpec&, const ContainerInfo&) { return 0; });
  CHECK(world.engine.run(spec, world.soon(), {}).has_value());
  CHECK(world.engine.inspect("helper", world.soon(), {}).error().code() == ErrorCode::kNotFound);
}

TEST_CASE("the start hook hears of every start") {
  World world;
  std::vector<std::string> started;
  world.engine.on_start([&](const ContainerInfo& info) { started.push_back(info.name + " " + info.status); });
  world.engine.add(web("always"));
  world.engine.crash("web", 1);
  CHECK(world.engine.restart("web", 1s, world.soon(), {}).has_value());
  CHECK(started == std::vector<std::string>{"web running", "web running", "web running"});
}

TEST_CASE("calls are logged with what they were asked") {
  World world;
  world.engine.add(web());
  CHECK(world.engine.stop("web", 1500ms, world.soon(), {}).has_value());
  CHECK(world.engine.kill("web", "HUP", world.soon(), {}).error().code() == ErrorCode::kConflict);
  CHECK(world.engine.calls() == std::vector<SimEngineCall>{{"stop", "web", "1s500ms"}, {"kill", "web", "HUP"}});
  world.engine.forget_calls();
  CHECK(world.engine.calls().empty());
}

}  // namespace
}  // namespace heal
