#include "common/system/probe/http_failure.h"

namespace heal::system {
namespace {

ProbeReason errno_reason(CURL* easy) {
  long os_errno = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
  return reason_of_errno(static_cast<int>(os_errno));
}

}  // namespace

ProbeFailure curl_failure(CURL* easy, CURLcode code, bool connected, bool responded, const std::string& text) {
  const ProbePhase late = responded ? ProbePhase::kBody : ProbePhase::kResponse;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {ProbePhase::kResolve, ProbeReason::kNotFound, text};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {ProbePhase::kResolve, ProbeReason::kProxy, text};
    case CURLE_COULDNT_CONNECT:
      return {ProbePhase::kConnect, errno_reason(easy), text};
    case CURLE_PROXY:
      return {ProbePhase::kConnect, ProbeReason::kProxy, text};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {ProbePhase::kTls, ProbeReason::kCertificate, text};
    case CURLE_SSL_CONNECT_ERROR: {
      const bool cut = text.find("eof") != std::string::npos || text.find("SYSCALL") != std::string::npos;
      return {ProbePhase::kTls, cut ? ProbeReason::kClosed : ProbeReason::kHandshake, text};
    }
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return {ProbePhase::kTls, ProbeReason::kTlsConfig, text};
    case CURLE_SEND_ERROR:
      return {ProbePhase::kSend, errno_reason(easy), text};
    case CURLE_RECV_ERROR: {
      if (!connected) return {ProbePhase::kConnect, ProbeReason::kProxy, text};
      if (text.find("Too large") != std::string::npos) return {late, ProbeReason::kTooLarge, text};
      const ProbeReason reason = errno_reason(easy);
      return {late, reason == ProbeReason::kOther ? ProbeReason::kReset : reason, text};
    }
    case CURLE_GOT_NOTHING:
      return {ProbePhase::kResponse, ProbeReason::kClosed, text};
    case CURLE_PARTIAL_FILE:
      return {ProbePhase::kBody, ProbeReason::kClosed, text};
    case CURLE_UNSUPPORTED_PROTOCOL:
      // Also what libcurl says of an answer without an HTTP head.
      if (connected) return {ProbePhase::kResponse, ProbeReason::kProtocol, text};
      return {ProbePhase::kTarget, ProbeReason::kInvalidTarget, text};
    case CURLE_URL_MALFORMAT:
      return {ProbePhase::kTarget, ProbeReason::kInvalidTarget, text};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
      return {late, ProbeReason::kProtocol, text};
    default:
      return {late, ProbeReason::kOther, text};
  }
}

}  // namespace heal::system
