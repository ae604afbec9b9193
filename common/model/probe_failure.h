#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/refused_certificate.h"

namespace heal {

/// The step of a probe that failed. A closed set: it is a metric label.
enum class ProbePhase {
  kTarget,    ///< the target could not be understood, or may not be probed
  kResolve,   ///< name → address
  kConnect,   ///< TCP connection, to a proxy too
  kTls,       ///< handshake and certificates
  kSend,      ///< writing the request or a line
  kResponse,  ///< waiting for the answer and reading its head
  kStatus,    ///< the status code, the HTTP version, or TLS used or not used
  kHeader,    ///< header assertions
  kBody,      ///< reading, decompressing and checking the body
  kExpect,    ///< waiting for a line that matches, or for bytes
};

/// Why it failed. A closed set: it is a metric label.
enum class ProbeReason {
  kTimeout,            ///< the deadline passed
  kInvalidTarget,      ///< not a URL or host:port
  kNotAllowed,         ///< refused by allow_targets
  kNotFound,           ///< the name does not exist
  kNoAddress,          ///< the name has no address of the wanted family
  kDnsFailed,          ///< no usable answer from the name servers
  kRefused,            ///< connection refused
  kUnreachable,        ///< no route to host or network
  kReset,              ///< reset by the other side
  kClosed,             ///< closed before the answer was complete
  kProtocol,           ///< the answer breaks its protocol
  kHandshake,          ///< TLS handshake failed
  kCertificate,        ///< certificate not trusted, expired or for another name
  kTlsConfig,          ///< a file of tls_config cannot be used
  kProxy,              ///< the proxy refused or could not reach the target
  kUnexpectedStatus,   ///< status code not among the valid ones
  kUnexpectedVersion,  ///< HTTP version not among the valid ones
  kSslUnwanted,        ///< fail_if_ssl
  kSslMissing,         ///< fail_if_not_ssl
  kRegexp,             ///< an assertion's regular expression matched or did not match
  kUnexpectedBytes,    ///< expect_bytes: others came
  kTooLarge,           ///< over a declared limit
  kCompression,        ///< the body cannot be decompressed as configured
  kRedirect,           ///< a redirect that cannot be followed
  kCredentials,        ///< credentials cannot be read, or not be sent
  kBusy,               ///< the deadline passed before this program had the time for it
  kCancelled,          ///< the program is shutting down
  kOther,              ///< an operating-system error that has no better name
};

std::string_view to_string(ProbePhase phase);
std::string_view to_string(ProbeReason reason);
/// Every reason, for creating series at zero.
const std::vector<ProbeReason>& all_probe_reasons();

/// Where, why, and in words for people (lower case, no secret).
struct ProbeFailure {
  ProbePhase phase = ProbePhase::kTarget;
  ProbeReason reason = ProbeReason::kOther;
  std::string message;
  std::shared_ptr<const RefusedCertificate> certificate = nullptr;  ///< the server's, where it was refused for it

  bool operator==(const ProbeFailure&) const = default;
};

/// The reason that fits an errno of a socket call.
ProbeReason reason_of_errno(int errno_value);

}  // namespace heal
