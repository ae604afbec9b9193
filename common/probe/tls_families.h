#pragma once

#include <cstdint>
#include <vector>

#include "common/model/probe_result.h"
#include "common/port/probe_io.h"

namespace heal::probe {

/// The four families that blackbox_exporter shows of a TLS connection.
void add_tls_families(const TlsFacts& facts, std::vector<SampleFamily>& families);
/// The same without the one about the verified chain, which gRPC probes do not have.
void add_tls_leaf_families(const TlsFacts& facts, std::vector<SampleFamily>& families);
/// The families of our own about a certificate that was refused, where blackbox_exporter shows nothing. Texts are cut
/// and made printable: they are the server's.
void add_refused_certificate_families(const RefusedCertificate& certificate, std::vector<SampleFamily>& families);
/// `probe_ssl_earliest_cert_expiry` alone.
void add_earliest_expiry(std::int64_t unix_seconds, std::vector<SampleFamily>& families);

}  // namespace heal::probe
