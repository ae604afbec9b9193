#include "common/model/probe_failure.h"

#include <array>
#include <cerrno>
#include <utility>

namespace heal {

std::string_view to_string(ProbePhase phase) {
  switch (phase) {
    case ProbePhase::kTarget:
      return "target";
    case ProbePhase::kResolve:
      return "resolve";
    case ProbePhase::kConnect:
      return "connect";
    case ProbePhase::kTls:
      return "tls";
    case ProbePhase::kSend:
      return "send";
    case ProbePhase::kResponse:
      return "response";
    case ProbePhase::kStatus:
      return "status";
    case ProbePhase::kHeader:
      return "header";
    case ProbePhase::kBody:
      return "body";
    case ProbePhase::kExpect:
      return "expect";
  }
  return "target";
}

namespace {

constexpr auto kReasonWords =
    std::to_array<std::pair<ProbeReason, std::string_view>>({{ProbeReason::kTimeout, "timeout"},
                                                             {ProbeReason::kInvalidTarget, "invalid_target"},
                                                             {ProbeReason::kNotAllowed, "not_allowed"},
                                                             {ProbeReason::kNotFound, "not_found"},
                                                             {ProbeReason::kNoAddress, "no_address"},
                                                             {ProbeReason::kDnsFailed, "dns_failed"},
                                                             {ProbeReason::kRefused, "refused"},
                                                             {ProbeReason::kUnreachable, "unreachable"},
                                                             {ProbeReason::kReset, "reset"},
                                                             {ProbeReason::kClosed, "closed"},
                                                             {ProbeReason::kProtocol, "protocol"},
                                                             {ProbeReason::kHandshake, "handshake"},
                                                             {ProbeReason::kCertificate, "certificate"},
                                                             {ProbeReason::kTlsConfig, "tls_config"},
                                                             {ProbeReason::kProxy, "proxy"},
                                                             {ProbeReason::kUnexpectedStatus, "unexpected_status"},
                                                             {ProbeReason::kUnexpectedVersion, "unexpected_version"},
                                                             {ProbeReason::kSslUnwanted, "ssl_unwanted"},
                                                             {ProbeReason::kSslMissing, "ssl_missing"},
                                                             {ProbeReason::kRegexp, "regexp"},
                                                             {ProbeReason::kUnexpectedBytes, "unexpected_bytes"},
                                                             {ProbeReason::kTooLarge, "too_large"},
                                                             {ProbeReason::kCompression, "compression"},
                                                             {ProbeReason::kRedirect, "redirect"},
                                                             {ProbeReason::kCredentials, "credentials"},
                                                             {ProbeReason::kBusy, "busy"},
                                                             {ProbeReason::kCancelled, "cancelled"},
                                                             {ProbeReason::kOther, "other"}});

/// Every reason has its word, at its own place.
constexpr bool are_complete() {
  for (std::size_t i = 0; i < kReasonWords.size(); ++i) {
    if (static_cast<std::size_t>(kReasonWords[i].first) != i) return false;
  }
  return kReasonWords.back().first == ProbeReason::kOther;
}
static_assert(are_complete());

}  // namespace

std::string_view to_string(ProbeReason reason) {
  return kReasonWords[static_cast<std::size_t>(reason)].second;
}

const std::vector<ProbeReason>& all_probe_reasons() {
  static const std::vector<ProbeReason> kAll = [] {
    std::vector<ProbeReason> all;
    for (int i = 0; i <= static_cast<int>(ProbeReason::kOther); ++i)
      all.push_back(static_cast<ProbeReason>(i));
    return all;
  }();
  return kAll;
}

ProbeReason reason_of_errno(int errno_value) {
  switch (errno_value) {
    case ECONNREFUSED:
      return ProbeReason::kRefused;
    case ECONNRESET:
    case EPIPE:
      return ProbeReason::kReset;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return ProbeReason::kUnreachable;
    case ETIMEDOUT:
      return ProbeReason::kTimeout;
    default:
      return ProbeReason::kOther;
  }
}

}  // namespace heal
