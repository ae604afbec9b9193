#include "common/probe/tls_families.h"

#include "common/probe/run.h"

namespace heal::probe {
namespace {

/// Go's zero time as Unix seconds: what blackbox_exporter shows when no chain was verified.
constexpr double kNoTime = -62135596800.0;

}  // namespace

void add_earliest_expiry(std::int64_t unix_seconds, std::vector<SampleFamily>& families) {
  families.push_back(gauge_family("probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime",
                                  static_cast<double>(unix_seconds)));
}

void add_tls_leaf_families(const TlsFacts& facts, std::vector<SampleFamily>& families) {
  add_earliest_expiry(facts.earliest_expiry, families);
  families.push_back({"probe_tls_version_info",
                      "Returns the TLS version used or NaN when unknown",
                      {Sample{{{"version", facts.version}}, 1}}});
  families.push_back({"probe_ssl_last_chain_info",
                      "Contains SSL leaf certificate information",
                      {Sample{{{"fingerprint_sha256", facts.fingerprint_sha256},
                               {"subject", facts.subject},
                               {"issuer", facts.issuer},
                               {"subjectalternative", facts.alternative_names}},
                              1}}});
}

void add_tls_families(const TlsFacts& facts, std::vector<SampleFamily>& families) {
  add_tls_leaf_families(facts, families);
  families.push_back(gauge_family("probe_ssl_last_chain_expiry_timestamp_seconds",
                                  "Returns last SSL chain expiry in timestamp",
                                  facts.verified_expiry ? static_cast<double>(*facts.verified_expiry) : kNoTime));
}

}  // namespace heal::probe
