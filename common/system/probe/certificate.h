#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <openssl/x509.h>

namespace heal::system {

/// A name as Go's crypto/x509/pkix prints it.
std::string name_text(const X509_NAME* name);
/// The DNS names among the alternative names of `certificate`, comma separated.
std::string dns_names(const X509* certificate);
/// All its alternative names that can be written (DNS names, addresses, URIs, mailboxes), comma separated.
std::string alternative_names(const X509* certificate);
/// Lower-case hex without leading zeros, with its sign.
std::string serial_number(const X509* certificate);
/// Lower-case hex.
std::string fingerprint_sha256(const X509* certificate);
/// nullopt for what is no time.
std::optional<std::int64_t> unix_seconds(const ASN1_TIME* time);
/// When the first certificate of `chain` expires, in Unix seconds; those whose time cannot be read are left out.
std::optional<std::int64_t> earliest_expiry(const STACK_OF(X509) * chain);

}  // namespace heal::system
