// Each fault and its undo on a real Docker engine.

#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/fault/lease_keeper.h"
#include "common/sim/memory_store.h"
#include "common/system/docker_engine.h"
#include "common/system/host_processes.h"
#include "common/system/posix_process_runner.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"
#include "common/wire/json.h"
#include "tests/contract/fault/docker_tools.h"

namespace heal::fault {
namespace {

using test::need_engine;
using State = FaultLease::State;
constexpr const char* kImage = "debian:bookworm-slim";

/// Reaches processes through a helper container only, as from inside a container, with a shell in the place of our
/// program: its arguments are `--pid N --container ID`.
class ByHelper : public HostProcesses {
 public:
  Status kill_main_process(ContainerEngine& engine, const ContainerInfo& container, Deadline deadline,
                           std::stop_token stop) override {
    // An id that no cgroup has makes the direct way fail its check.
    ContainerInfo elsewhere = container;
    elsewhere.id = std::string(12, '0') + container.id.substr(12);
    return helper_.kill_main_process(engine, elsewhere, deadline, stop);
  }

 private:
  SystemHostProcesses helper_{{kImage, {"/bin/bash", "-c", "kill -KILL \"$1\""}}};
};

/// A container of this test's own that may be broken, removed at the end.
class Victim {
 public:
  explicit Victim(const std::string& suffix) : name_("heal-contract-" + std::to_string(::getpid()) + "-" + suffix) {
    ContainerSpec spec;
    spec.name = name_;
    spec.image = kImage;
    spec.command = {"sleep", "600"};
    spec.labels = {{"heal.simulate", "allow"}};
    spec.network_mode = "bridge";
    spec.auto_remove = false;
    REQUIRE(engine->run(spec, soon(), {}));
  }
  ~Victim() { (void)engine->remove(name_, soon(), {}); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  Deadline soon() { return clock.deadline_in(60s); }
  ContainerInfo look() { return engine->inspect(name_, soon(), {}).value(); }
  TargetId target() const { return {"container", "local", name_}; }
  std::unique_ptr<LeaseKeeper> keeper(HostProcesses& processes) {
    return LeaseKeeper::open({store, clock, random, processes, [this](const std::string&) { return engine; }}, {})
        .value();
  }

  SystemClock clock;
  SystemRandom random;
  MemoryStore store;
  std::shared_ptr<DockerEngine> engine = std::make_shared<DockerEngine>(DockerEndpoint{});

 private:
  const std::string name_;
};

TEST_CASE("a real container is broken and comes back as it was") {
  need_engine();
  struct Case {
    const char* kind;
    const char* status;
  };
  const auto c = GENERATE(values<Case>(
      {{"stop", "exited"}, {"kill", "exited"}, {"crash", "exited"}, {"pause", "paused"}, {"partition", "running"}}));
  CAPTURE(c.kind);
  Victim victim(c.kind);
  const ContainerInfo before = victim.look();
  SystemHostProcesses processes({});
  auto keeper = victim.keeper(processes);
  const auto lease = keeper->inject({c.kind, victim.target(), 60s, "test"}, {}).value();
  const auto wait_deadline = victim.soon();
  // Only a crash is noticed by the engine a little later: wait() returns when it is.
  if (lease.kind == "crash") REQUIRE(victim.engine->wait(before.id, wait_deadline, {}).value() == 137);
  CHECK(victim.look().status == c.status);
  CHECK(victim.look().networks.empty() == (lease.kind == "partition"));

  const auto reverted = keeper->revert(lease.id, {});
  CHECK((reverted ? "" : reverted.error().str()) == "");
  CHECK(keeper->list().at(0).state == State::kReverted);
  const ContainerInfo after = victim.look();
  CHECK(after.status == "running");
  CHECK(after.id == before.id);
  REQUIRE(after.networks.size() == 1);
  CHECK(after.networks.count("bridge") == 1);
  CHECK(after.labels == before.labels);
}

TEST_CASE("a crash through a helper container hits the same process") {
  need_engine();
  Victim victim("helper");
  ContainerInfo info = victim.look();
  ByHelper processes;
  const auto killed = processes.kill_main_process(*victim.engine, info, victim.soon(), {});
  CHECK((killed ? "" : killed.error().str()) == "");
  CHECK(victim.engine->wait(info.id, victim.soon(), {}).value() == 137);
  const auto again = processes.kill_main_process(*victim.engine, info, victim.soon(), {});
  REQUIRE_FALSE(again);
  CHECK_THAT(again.error().str(), Catch::StartsWith("fault helper ended with 1: "));
}

TEST_CASE("a process that is not the container's is not killed") {
  need_engine();
  Victim victim("other");
  const ContainerInfo info = victim.look();
  const auto other = kill_container_process(::getpid(), info.id);
  REQUIRE_FALSE(other);
  CHECK(other.error().str() == fmt::format("process {} is not one of container {}", ::getpid(), info.id));
  CHECK_FALSE(kill_container_process(1, info.id));
  CHECK_FALSE(kill_container_process(info.pid, info.id.substr(0, 12)));
  CHECK(victim.look().running());
}

/// A network with addresses of its own (of the range for documentation), removed at the end.
class Network {
 public:
  Network() { REQUIRE(docker({"network", "create", "--subnet", "192.0.2.0/28", name}).ok()); }
  ~Network() { (void)docker({"network", "rm", name}); }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const std::string name = "heal-contract-" + std::to_string(::getpid());

 private:
  ProcessOutcome docker(std::vector<std::string> arguments) {
    ProcessSpec spec;
    spec.argv = {"/usr/bin/docker"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    return runner_.run(spec, clock_.deadline_in(30s), {}).value();
  }

  SystemClock clock_;
  PosixProcessRunner runner_;
};

TEST_CASE("a partition gives back aliases and fixed addresses") {
  need_engine();
  Network network;
  Victim victim("aliases");
  const std::string id = victim.look().id;
  const std::string endpoint = R"({"Aliases":["patient"],"IPAMConfig":{"IPv4Address":"192.0.2.5"}})";
  REQUIRE(victim.engine->connect_network(id, network.name, endpoint, victim.soon(), {}));
  SystemHostProcesses processes({});
  auto keeper = victim.keeper(processes);
  REQUIRE(keeper->inject({"partition", victim.target(), {}, ""}, {}));
  REQUIRE(victim.look().networks.empty());
  REQUIRE(keeper->revert_target(victim.target(), {}));
  const auto networks = victim.look().networks;
  REQUIRE(networks.size() == 2);
  const Json after = parse_json(networks.at(network.name)).value();
  CHECK(after["Aliases"][0] == "patient");
  CHECK(after["IPAMConfig"]["IPv4Address"] == "192.0.2.5");
}

TEST_CASE("a paused container that was restarted by a heal is left alone") {
  need_engine();
  Victim victim("healed");
  SystemHostProcesses processes({});
  auto keeper = victim.keeper(processes);
  REQUIRE(keeper->inject({"pause", victim.target(), {}, ""}, {}));
  REQUIRE(victim.engine->restart(victim.look().id, 0s, victim.soon(), {}));
  const ContainerInfo healed = victim.look();
  CHECK(keeper->revert_target(victim.target(), {}).value()->state == State::kReverted);
  CHECK(victim.look().started_at == healed.started_at);
  CHECK(victim.look().running());
}

}  // namespace
}  // namespace heal::fault
