#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// A server that takes mail.
struct MailServer {
  enum class Security { kStartTls, kTls, kPlain };
  std::string address;  ///< `host:port`
  Security security = Security::kStartTls;
  std::optional<std::pair<std::string, std::string>> login;  ///< user, password; never logged
  std::optional<std::string> ca_file;                        ///< instead of the system's bundle

  bool operator==(const MailServer&) const = default;
};

/// A mail, ready to be sent.
struct Mail {
  std::string from;             ///< of the envelope: without < and >
  std::vector<std::string> to;  ///< likewise
  std::string text;             ///< header and body (RFC 5322), lines ended by CRLF

  bool operator==(const Mail&) const = default;
};

/// Hands mail over to a server. Blocking, thread-safe.
class Mailer {
 public:
  virtual ~Mailer() = default;
  /// Success: the server has taken it for all recipients. Errors: kUnreachable (connect, TLS: nothing was sent),
  /// kUnauthorized, kRefused (the server does not take this mail or one of its recipients), kConflict (not now),
  /// kUnavailable (the connection broke), kTimeout and kCancelled: it may have been taken; kInvalid.
  virtual Status send(const MailServer& server, const Mail& mail, Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
