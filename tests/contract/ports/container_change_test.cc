#include <catch2/catch.hpp>

#include "tests/contract/ports/engine_fixture.h"
#include "tests/support/code_of.h"

namespace heal {
namespace {

using test::code_of;
using test::engine_kind;
using test::EngineFixture;
using test::EngineKind;
using Program = EngineFixture::Program;

TEST_CASE("limits are changed one by one, and what an engine does not take is said") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  const auto limits = [&] { return engine.inspect(name, fixture->soon(), {})->limits; };
  REQUIRE(limits().memory_bytes == std::nullopt);
  REQUIRE(limits().pids == std::nullopt);

  ContainerLimits wanted;
  wanted.memory_bytes = 64 << 20;
  CHECK(code_of(engine.update(name, wanted, fixture->soon(), {})) == "conflict");  // it wants to hear of swap, too
  wanted.memory_swap_bytes = 128 << 20;
  REQUIRE(code_of(engine.update(name, wanted, fixture->soon(), {})) == "ok");
  CHECK(limits().memory_bytes == 64 << 20);
  ContainerLimits cpu;
  cpu.cpu_period_us = 100000;
  cpu.cpu_quota_us = 50000;
  cpu.pids = 40;
  REQUIRE(code_of(engine.update(name, cpu, fixture->soon(), {})) == "ok");
  CHECK(limits().memory_bytes == 64 << 20);
  CHECK(limits().cpu_quota_us == 50000);
  CHECK(limits().pids == 40);

  ContainerLimits none;
  none.cpu_quota_us = -1;
  none.pids = -1;
  REQUIRE(code_of(engine.update(name, none, fixture->soon(), {})) == "ok");
  CHECK(limits().cpu_quota_us.value_or(-1) == -1);
  CHECK(limits().pids.value_or(-1) == -1);

  ContainerLimits little;
  little.memory_bytes = 1 << 20;
  CHECK(code_of(engine.update(name, little, fixture->soon(), {})) == "invalid");
  CHECK(code_of(engine.update("no-such-container", wanted, fixture->soon(), {})) == "not_found");
}

TEST_CASE("a program runs inside a container, with its two streams and its exit code") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  ExecSpec spec;
  spec.argv = {"/bin/sh", "-c", "echo out $A; echo err >&2; exit 3"};
  spec.environment = {{"A", "b c"}};
  const auto ran = engine.exec(name, spec, fixture->soon(), {});
  REQUIRE(code_of(ran) == "ok");
  CHECK(*ran == ExecOutcome{3, "out b c\n", "err\n"});
  spec.argv = {"/bin/no-such-program"};
  const auto missing = engine.exec(name, spec, fixture->soon(), {});
  REQUIRE(code_of(missing) == "ok");
  CHECK((missing->exit_code == 126 || missing->exit_code == 127));

  CHECK(code_of(engine.pause(name, fixture->soon(), {})) == "ok");
  CHECK(code_of(engine.exec(name, spec, fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.unpause(name, fixture->soon(), {})) == "ok");
  REQUIRE(engine.stop(name, 0s, fixture->soon(), {}).has_value());
  CHECK(code_of(engine.exec(name, spec, fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.exec("no-such-container", spec, fixture->soon(), {})) == "not_found");
}

TEST_CASE("a container is made like another one, and takes its name") {
  const EngineKind kind =
      GENERATE(values<EngineKind>({{"sim", &test::make_sim_engine}, {"docker", &test::make_docker_engine}}));
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  ContainerLimits limits;
  limits.pids = 40;
  REQUIRE(code_of(engine.update(name, limits, fixture->soon(), {})) == "ok");
  const ContainerInfo old = engine.inspect(name, fixture->soon(), {}).value();

  const auto made = engine.clone(name, name + ".new", fixture->soon(), {});
  REQUIRE(code_of(made) == "ok");
  const ContainerInfo fresh = engine.inspect(*made, fixture->soon(), {}).value();
  CHECK(fresh.name == name + ".new");
  CHECK(fresh.id != old.id);
  CHECK(fresh.status == "created");
  CHECK(fresh.image == old.image);
  Labels marked = old.labels;
  marked.insert_or_assign(std::string(kReplacesLabel), old.id);
  CHECK(fresh.labels == marked);
  CHECK(fresh.restart_policy == old.restart_policy);
  CHECK(fresh.limits == old.limits);
  CHECK(fresh.networks == old.networks);
  CHECK(code_of(engine.clone(name, name + ".new", fixture->soon(), {})) == "conflict");

  CHECK(code_of(engine.rename(*made, name, fixture->soon(), {})) == "conflict");
  REQUIRE(code_of(engine.rename(old.id, name + ".old", fixture->soon(), {})) == "ok");
  REQUIRE(code_of(engine.rename(*made, name, fixture->soon(), {})) == "ok");
  CHECK(engine.inspect(name, fixture->soon(), {})->id == *made);
  CHECK(code_of(engine.start(*made, fixture->soon(), {})) == "ok");
  CHECK(code_of(engine.remove(old.id, fixture->soon(), {})) == "ok");
  CHECK(code_of(engine.rename("no-such-container", "other", fixture->soon(), {})) == "not_found");
  CHECK(code_of(engine.clone("no-such-container", "other", fixture->soon(), {})) == "not_found");
  // What the fixture removes at its end is the new one.
}

}  // namespace
}  // namespace heal
