#pragma once

#include <string>

#include "common/model/probe_result.h"

namespace heal::probe {

/// A probe's answer to Prometheus: blackbox_exporter's families by name, `probe_success` and `probe_duration_seconds`
/// among them, and `heal_probe_failure_info{phase,reason}` when it failed.
std::string expose_result(const ProbeResult& result);

}  // namespace heal::probe
