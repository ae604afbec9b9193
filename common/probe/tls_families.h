#pragma once

#include <vector>

#include "common/model/probe_result.h"
#include "common/port/probe_io.h"

namespace heal::probe {

/// The four families that blackbox_exporter shows of a TLS connection.
void add_tls_families(const TlsFacts& facts, std::vector<SampleFamily>& families);

}  // namespace heal::probe
