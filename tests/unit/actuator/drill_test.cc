// Faults whose keeper reaches the engine through the actuator alone, as in production.

#include <catch2/catch.hpp>

#include "common/fault/lease_keeper.h"
#include "common/sim/memory_store.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_fault_holders.h"
#include "common/sim/sim_host_processes.h"
#include "tests/unit/actuator/service.h"

namespace heal::actuator::test {
namespace {

using fault::LeaseKeeper;
using State = FaultLease::State;

const TargetId kWeb{"container", "local", "web"};

/// An actuator, a container behind it that may be broken, and what keepers need.
struct Drill : Service {
  SequenceRandom random;
  SimHostProcesses processes{sim};
  SimFaultHolders holders{sim, clock};
  std::shared_ptr<ContainerEngine> engine = std::make_shared<DockerEngine>(DockerEndpoint{socket()});
  MemoryStore ledger;

  Drill() : Service(usual_config()) {
    sim.add_network("demo_web");
    SimContainer web;
    web.name = "web";
    web.labels = {{"heal.enable", "true"}, {"heal.simulate", "allow"}};
    web.networks = {"demo_web"};
    sim.add(web);
  }

  /// One in web's network that no rule lets anybody list.
  void add_sidecar(const Labels& labels) {
    SimContainer sidecar;
    sidecar.name = "sidecar";
    sidecar.labels = labels;
    sidecar.networks = {"container:" + web().id};
    sim.add(sidecar);
  }

  std::unique_ptr<LeaseKeeper> keeper(Store& store, const std::string& image = "promheal:local") {
    fault::LeaseTools tools{store, clock, random, processes, [this](const std::string&) { return engine; }};
    tools.holder.image = image;
    tools.engines = [] { return std::vector<std::string>{"local"}; };
    return LeaseKeeper::open(std::move(tools), {}).value();
  }
  /// Through nobody.
  ContainerInfo web() { return sim.inspect("web", SteadyTime::max(), {}).value(); }
  bool has_holder(const std::string& lease) {
    return sim.inspect("heal-fault-helper-" + lease, SteadyTime::max(), {}).has_value();
  }
};

TEST_CASE("after an upgrade a fault is found behind the actuator, too, and undone") {
  Drill s;
  const auto lease = s.keeper(s.ledger)->inject({"cpu", kWeb, 60s, "ops"}, {}).value();
  std::string image = "promheal:local";
  SECTION("of an image of the same name") {
    s.sim.move_tag(image);
  }
  SECTION("of an image with another tag") {
    image = "promheal:next";
    std::string config = usual_config();
    config.replace(config.find("promheal:local"), 14, image);
    s.write_config(config);
    REQUIRE(s.app->reload());
  }
  MemoryStore empty;
  auto keeper = s.keeper(empty, image);
  CHECK(keeper->adopt_marks({}));
  CHECK(keeper->list() == std::vector{lease});
  const auto undone = keeper->revert(lease.id, {});
  INFO((undone ? "" : undone.error().str()));
  REQUIRE(undone);
  CHECK(undone->state == State::kReverted);
  CHECK(s.holders.faults_in(s.web().id).empty());
  CHECK_FALSE(s.has_holder(lease.id));
}

TEST_CASE("a network is not broken behind the actuator while somebody is in it whom its lists do not show") {
  Drill s;
  s.add_sidecar({});
  auto keeper = s.keeper(s.ledger);
  const auto before = s.web();
  const auto refused = keeper->inject({"loss", kWeb, 60s, "ops"}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kRefused);
  CHECK(refused.error().message() ==
        "the engine answers 403: refused by the actuator: create of web: sidecar uses its network: it has no label "
        "heal.simulate=allow");
  CHECK(s.ledger.leases().value().empty());
  const auto uncut = keeper->inject({"partition", kWeb, 60s, "ops"}, {});
  REQUIRE_FALSE(uncut);
  CHECK_THAT(uncut.error().str(), Catch::Contains("network_disconnect of web: sidecar uses its network"));
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK(s.web().networks == before.networks);
  CHECK(keeper->inject({"cpu", kWeb, 60s, "ops"}, {}));
}

TEST_CASE("behind the actuator whoever has agreed is broken with the network that it shares") {
  const auto kind = GENERATE(as<std::string>(), "loss", "partition");
  CAPTURE(kind);
  Drill s;
  s.add_sidecar({{"heal.simulate", "allow"}});
  CHECK(s.keeper(s.ledger)->inject({kind, kWeb, 60s, "ops"}, {}));
}

TEST_CASE("a broken network is mended whoever has joined it meanwhile") {
  const auto kind = GENERATE(as<std::string>(), "bandwidth", "partition");
  CAPTURE(kind);
  Drill s;
  s.holders.leave_behind(kind);
  auto keeper = s.keeper(s.ledger);
  const auto before = s.web();
  const auto lease = keeper->inject({kind, kWeb, 60s, "ops"}, {}).value();
  s.add_sidecar({});
  if (kind == "bandwidth") REQUIRE(s.sim.kill("heal-fault-helper-" + lease.id, "KILL", SteadyTime::max(), {}));
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(s.holders.faults_in(s.web().id).empty());
  CHECK(s.web().networks == before.networks);
}

}  // namespace
}  // namespace heal::actuator::test
