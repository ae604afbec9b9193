#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/model/probe_failure.h"
#include "common/probe/module.h"
#include "common/wire/dns_message.h"

namespace heal::probe {

/// Why the response code does not do; nullopt when it does. An unknown word in valid_rcodes fails always.
std::optional<ProbeFailure> check_rcode(const DnsSettings& settings, int rcode);

/// Why the records of a section ("answer") do not do; nullopt when they do. The order of the tests is
/// blackbox_exporter's.
std::optional<ProbeFailure> check_records(std::string_view section, const DnsValidation& validation,
                                          const std::vector<DnsRecord>& records);

}  // namespace heal::probe
