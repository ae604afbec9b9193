#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "common/probe/engine.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_probe_io.h"

namespace heal::probe {

/// An engine on simulated networks whose loop is the test's thread.
class RunBench {
 public:
  ~RunBench() {
    // stop() waits for the loop, which has nobody else to run it.
    std::jthread runner([this](const std::stop_token& stop) {
      while (!stop.stop_requested())
        io.run();
    });
    engine.stop();
  }

  /// Starts one probe and runs what can run without time passing.
  void start(Module module, const std::string& target, Duration timeout) {
    module.name = "m";
    ended = false;
    ProbeRequest request{std::make_shared<const Module>(std::move(module)), target, "", policy};
    if (confirm_time) request.confirm_until = clock.steady_now() + *confirm_time;
    request.confirm_stop = confirm_stop;
    engine.start(std::move(request), clock.steady_now() + timeout, [this](ProbeResult done) {
      result = std::move(done);
      ended = true;
    });
    io.run();
  }
  /// The same, and lets time pass from timer to timer until the probe has ended.
  const ProbeResult& run(Module module, const std::string& target, Duration timeout = std::chrono::seconds(5)) {
    start(std::move(module), target, timeout);
    while (!ended && io.next_timer()) {
      clock.advance(*io.next_timer() - clock.steady_now());
      io.run();
    }
    return result;
  }
  /// "ok", or "phase/reason: message".
  std::string verdict() const {
    return result.success ? "ok" : result.phase + "/" + result.reason + ": " + result.message;
  }
  std::optional<double> value(const std::string& name, const Labels& labels = {}) const {
    for (const SampleFamily& family : result.families) {
      for (const Sample& sample : family.samples) {
        if (family.name == name && sample.labels == labels) return sample.value;
      }
    }
    return std::nullopt;
  }

  FakeClock clock;
  SimProbeIo io{clock};
  Engine engine{{&io}, clock};
  std::shared_ptr<const TargetPolicy> policy = std::make_shared<const TargetPolicy>();
  std::optional<Duration> confirm_time;
  std::stop_token confirm_stop;
  ProbeResult result;
  bool ended = false;
};

}  // namespace heal::probe
