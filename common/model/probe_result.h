#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/model/labels.h"

namespace heal {

/// One value of a metric family that a probe produced.
struct Sample {
  Labels labels;
  double value = 0;

  bool operator==(const Sample&) const = default;
};

/// One gauge family of a probe's answer, in blackbox_exporter's names.
struct SampleFamily {
  std::string name;
  std::string help;  ///< one line
  std::vector<Sample> samples;

  bool operator==(const SampleFamily&) const = default;
};

/// What asking again said about a probe.
struct Confirmation {
  int attempts = 0;  ///< re-probes that were begun
  /// True: the probe failed, and so did every re-probe that had its time. False: the probe succeeded, or a re-probe
  /// did. nullopt: the probe failed, and no re-probe could tell more.
  std::optional<bool> confirmed{};

  bool operator==(const Confirmation&) const = default;
};

/// What one run of a prober saw. A target that does not answer is `success == false`, not an Error.
struct ProbeResult {
  bool success = false;
  std::string
      phase;  ///< where it failed: resolve, connect, tls, send, status, header, body, expect, time; "" on success
  std::string reason;   ///< closed set, e.g. timeout, refused, reset, unexpected_status, regexp; "" on success
  std::string message;  ///< for people
  Duration duration{};
  std::vector<SampleFamily> families;  ///< without probe_success and probe_duration_seconds
  std::vector<std::string> log;        ///< logfmt lines for debug=true
  /// Of a module with `confirm` alone; all else is the first attempt's. `families` have it too.
  std::optional<Confirmation> confirmation{};

  bool operator==(const ProbeResult&) const = default;
};

}  // namespace heal
