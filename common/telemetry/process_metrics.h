#pragma once

#include "common/telemetry/exposition.h"

namespace heal {

/// The standard process_* metrics of this process, from /proc/self; what cannot be read is left out.
/// Source: prometheus.io/docs/instrumenting/writing_clientlibs, "Standard and runtime collectors".
void write_process_metrics(ExpositionWriter& writer);

}  // namespace heal
