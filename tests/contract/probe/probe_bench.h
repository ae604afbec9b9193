#pragma once

#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "common/config/decode.h"
#include "common/config/yaml.h"
#include "common/probe/engine.h"
#include "common/probe/module_config.h"
#include "common/system/probe_io.h"
#include "common/system/system_clock.h"

namespace heal::test {

/// Runs probes on real sockets.
class ProbeBench {
 public:
  explicit ProbeBench(system::TlsLimits limits = {}) : io_(limits) {}

  /// A module from the YAML of its body, e.g. `{prober: tcp}`.
  static std::shared_ptr<const probe::Module> module(const std::string& yaml) {
    config::Diagnostics diagnostics;
    const config::Source source("blackbox.yml", "m: " + yaml);
    const std::optional<config::Node> node = config::parse_yaml(source, diagnostics);
    REQUIRE(node);
    const std::optional<probe::Modules> modules =
        probe::as_modules({*node, source, diagnostics, config::Dialect::kGoYaml, "the file"});
    INFO(diagnostics.render());
    REQUIRE_FALSE(diagnostics.has_errors());
    return modules->at("m");
  }

  ProbeResult run(const std::string& yaml, const std::string& target, Duration timeout = 5s) {
    return run({module(yaml), target, ""}, timeout);
  }
  ProbeResult run(probe::ProbeRequest request, Duration timeout = 5s) {
    return probe::run_once(engine_, std::move(request), timeout);
  }
  probe::Engine& engine() { return engine_; }
  ProbeIo& io() { return io_; }

 private:
  SystemClock clock_;
  system::SystemProbeIo io_;
  probe::Engine engine_{{&io_}, clock_};
};

/// The value of a family's sample with exactly these labels; NaN-free tests only.
inline std::optional<double> value_of(const ProbeResult& result, const std::string& name, const Labels& labels = {}) {
  for (const SampleFamily& family : result.families) {
    if (family.name != name) continue;
    for (const Sample& sample : family.samples) {
      if (sample.labels == labels) return sample.value;
    }
  }
  return std::nullopt;
}

/// "ok", or "phase/reason".
inline std::string verdict(const ProbeResult& result) {
  return result.success ? "ok" : result.phase + "/" + result.reason;
}

}  // namespace heal::test
