#include "common/probe/tls_families.h"

#include "common/base/text.h"
#include "common/probe/run.h"

namespace heal::probe {
namespace {

/// Go's zero time as Unix seconds: what blackbox_exporter shows when no chain was verified.
constexpr double kNoTime = -62135596800.0;

/// A whole label's worth of what a stranger wrote.
constexpr std::size_t kMostNameBytes = 256;
constexpr std::size_t kMostAlternativeNamesBytes = 1024;

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

void add_refused_certificate_families(const RefusedCertificate& certificate, std::vector<SampleFamily>& families) {
  const auto time = [&](const char* name, const char* help, std::optional<std::int64_t> unix_seconds) {
    if (unix_seconds) families.push_back(gauge_family(name, help, static_cast<double>(*unix_seconds)));
  };
  time("heal_probe_tls_peer_cert_not_before_timestamp_seconds",
       "From when the refused certificate of the server is valid, as it says itself.", certificate.not_before);
  time("heal_probe_tls_peer_cert_not_after_timestamp_seconds",
       "Until when the refused certificate of the server is valid, as it says itself.", certificate.not_after);
  time("heal_probe_tls_earliest_cert_expiry_timestamp_seconds",
       "When the first of the certificates expires that the server sent with one that was refused.",
       certificate.earliest_not_after);
  families.push_back({"heal_probe_tls_verify_failure_info",
                      "Why the certificate of the server was refused.",
                      {Sample{{{"reason", std::string(to_string(certificate.failure))}}, 1}}});
  families.push_back(
      {"heal_probe_tls_peer_cert_info",
       "What the refused certificate of the server says of itself.",
       {Sample{{{"fingerprint_sha256", certificate.fingerprint_sha256},
                {"subject", printable(certificate.subject, kMostNameBytes)},
                {"issuer", printable(certificate.issuer, kMostNameBytes)},
                {"subjectalternative", printable(certificate.alternative_names, kMostAlternativeNamesBytes)},
                {"serialnumber", printable(certificate.serial_number, kMostNameBytes)}},
               1}}});
}

}  // namespace heal::probe
