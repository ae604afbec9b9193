#pragma once

#include <memory>
#include <string>

#include "common/sim/fake_clock.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_dialer.h"
#include "common/sim/sim_host.h"
#include "common/sim/sim_mailer.h"
#include "tests/support/step_bench.h"

namespace heal::test {

/// A bench on a simulated world: engine `local`, two Alertmanagers, a machine, a mail server.
struct SimRig {
  explicit SimRig(const std::string& heal_yml = "") : bench(tools, kEngines + heal_yml) {
    bench.world().engines["local"] = engine;
    bench.world().alertmanagers = {first, second};
  }

  static inline const std::string kEngines =
      "engines: {local: {unix: /s}}\n"
      "alertmanagers: [{url: 'http://am-1:9093'}, {url: 'http://am-2:9093'}]\n";

  ContainerInfo look(const std::string& container) {
    return engine->inspect(container, clock.deadline_in(1s), {}).value();
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SequenceRandom random;
  ScriptedHttpClient http{clock};
  SimDialer dialer{clock};
  ScriptedProcessRunner processes{clock};
  SimMailer mailer{clock};
  SimHost host{clock};
  std::shared_ptr<SimContainerEngine> engine = std::make_shared<SimContainerEngine>(clock);
  std::shared_ptr<SimAlertmanagerApi> first = std::make_shared<SimAlertmanagerApi>(clock);
  std::shared_ptr<SimAlertmanagerApi> second = std::make_shared<SimAlertmanagerApi>(clock);
  remedy::Tools tools{clock, random, http, dialer, processes, &mailer, &host};
  StepBench bench;
};

}  // namespace heal::test
