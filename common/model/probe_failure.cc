#include "common/model/probe_failure.h"

#include <cerrno>

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

std::string_view to_string(ProbeReason reason) {
  switch (reason) {
    case ProbeReason::kTimeout:
      return "timeout";
    case ProbeReason::kInvalidTarget:
      return "invalid_target";
    case ProbeReason::kNotAllowed:
      return "not_allowed";
    case ProbeReason::kNotFound:
      return "not_found";
    case ProbeReason::kNoAddress:
      return "no_address";
    case ProbeReason::kDnsFailed:
      return "dns_failed";
    case ProbeReason::kRefused:
      return "refused";
    case ProbeReason::kUnreachable:
      return "unreachable";
    case ProbeReason::kReset:
      return "reset";
    case ProbeReason::kClosed:
      return "closed";
    case ProbeReason::kProtocol:
      return "protocol";
    case ProbeReason::kHandshake:
      return "handshake";
    case ProbeReason::kCertificate:
      return "certificate";
    case ProbeReason::kTlsConfig:
      return "tls_config";
    case ProbeReason::kProxy:
      return "proxy";
    case ProbeReason::kUnexpectedStatus:
      return "unexpected_status";
    case ProbeReason::kUnexpectedVersion:
      return "unexpected_version";
    case ProbeReason::kSslUnwanted:
      return "ssl_unwanted";
    case ProbeReason::kSslMissing:
      return "ssl_missing";
    case ProbeReason::kRegexp:
      return "regexp";
    case ProbeReason::kTooLarge:
      return "too_large";
    case ProbeReason::kCompression:
      return "compression";
    case ProbeReason::kRedirect:
      return "redirect";
    case ProbeReason::kCredentials:
      return "credentials";
    case ProbeReason::kBusy:
      return "busy";
    case ProbeReason::kCancelled:
      return "cancelled";
    case ProbeReason::kOther:
      return "other";
  }
  return "other";
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
