#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/fault/lease_keeper.h"
#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_host_processes.h"

namespace heal::fault::test {

inline const TargetId kWeb{"container", "local", "web"};

/// A simulated engine "local" with the container "web" on it, which may be broken, and what a keeper needs.
struct DrillSite {
  FakeClock clock{FakeClock::Sleeping::kAdvances};
  std::shared_ptr<SimContainerEngine> engine = std::make_shared<SimContainerEngine>(clock);
  SimHostProcesses processes{*engine};
  SequenceRandom random;
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();

  DrillSite() {
    engine->add_network("front");
    engine->add_network("back");
    SimContainer web;
    web.name = "web";
    web.labels = {{"heal.simulate", "allow"}};
    web.networks = {"back", "front"};
    engine->add(web);
    engine->forget_calls();
    clock.advance(1s);
  }

  /// A second container that may be broken: container/local/db.
  void add_db() {
    SimContainer db;
    db.name = "db";
    db.labels = {{"heal.simulate", "allow"}};
    engine->add(db);
  }

  LeaseTools tools(Store& lease_store) {
    return {lease_store, clock, random, processes,
            [this](const std::string& name) { return name == "local" ? engine : nullptr; }};
  }
  std::unique_ptr<LeaseKeeper> keeper(LeaseOptions options = {}) { return keeper_on(*store, std::move(options)); }
  std::unique_ptr<LeaseKeeper> keeper_on(Store& lease_store, LeaseOptions options = {}) {
    return LeaseKeeper::open(tools(lease_store), std::move(options)).value();
  }

  ContainerInfo web() { return engine->inspect("web", clock.deadline_in(10s), {}).value(); }
  /// The verbs of the calls so far that change something.
  std::vector<std::string> changes() {
    std::vector<std::string> verbs;
    for (const SimEngineCall& call : engine->calls()) {
      if (call.verb != "inspect" && call.verb != "list") verbs.push_back(call.verb);
    }
    return verbs;
  }
};

}  // namespace heal::fault::test
