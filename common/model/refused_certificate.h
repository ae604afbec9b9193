#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heal {

/// Why a server's certificate was refused. A closed set: it is a metric label.
enum class VerifyFailure {
  kExpired,           ///< it, or one that it was issued by
  kNotYetValid,       ///< the same
  kSelfSigned,        ///< by itself, and not trusted
  kUnknownAuthority,  ///< its chain does not lead to what is trusted
  kHostnameMismatch,  ///< for other names or addresses
  kBadSignature,      ///< its signature is not its issuer's
  kWrongPurpose,      ///< not made for servers, or its issuer's not for issuing
  kTooWeak,           ///< key too short, or digest too old
  kOther,
};

std::string_view to_string(VerifyFailure failure);

/// What the certificate said that a server sent and that was refused: nothing of it is proven. Texts are the server's,
/// of any length, and may hold any bytes. Times are Unix seconds.
struct RefusedCertificate {
  VerifyFailure failure = VerifyFailure::kOther;   ///< the first that was found
  std::optional<std::int64_t> not_before;          ///< nullopt for what is no time
  std::optional<std::int64_t> not_after;           ///< the same
  std::optional<std::int64_t> earliest_not_after;  ///< of all certificates that the server sent
  std::string fingerprint_sha256;                  ///< lower-case hex
  std::string serial_number;                       ///< lower-case hex
  std::string subject, issuer;                     ///< as Go's pkix.Name prints them
  std::string alternative_names;                   ///< names, addresses and URIs, comma separated

  bool operator==(const RefusedCertificate&) const = default;
};

}  // namespace heal
