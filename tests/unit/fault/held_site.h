#pragma once

#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_fault_holders.h"
#include "tests/unit/fault/drill_site.h"

namespace heal::fault::test {

/// A DrillSite whose keeper can run holders, with a container that the first one needs, and an Alertmanager.
struct HeldSite : DrillSite {
  SimFaultHolders holders{*engine, clock};
  std::shared_ptr<SimAlertmanagerApi> alertmanager = std::make_shared<SimAlertmanagerApi>(clock);

  HeldSite() {
    SimContainer db;
    db.name = "db";
    db.networks = {"back"};
    engine->add(db);
    SimContainer prometheus;
    prometheus.name = "prometheus";
    prometheus.networks = {"back"};
    engine->add(prometheus);
    engine->forget_calls();
  }

  std::unique_ptr<LeaseKeeper> holding(Store& ledger) {
    LeaseTools tools = DrillSite::tools(ledger);
    tools.holder.image = "promheal:local";
    tools.alertmanager = [this] { return alertmanager; };
    tools.engines = [] { return std::vector<std::string>{"local"}; };
    return LeaseKeeper::open(std::move(tools), {}).value();
  }
  std::unique_ptr<LeaseKeeper> holding() { return holding(*store); }
  std::vector<std::string> faults() { return holders.faults_in(web().id); }
  bool has_holder(const std::string& lease) {
    return engine->inspect("heal-fault-helper-" + lease, clock.deadline_in(10s), {}).has_value();
  }
};

}  // namespace heal::fault::test
