#include "common/httpd/server_metrics.h"

namespace heal::httpd {
namespace {

constexpr RejectReason kReasons[] = {
    RejectReason::kMalformed,   RejectReason::kHeadTooLarge, RejectReason::kBodyTooLarge, RejectReason::kTimeout,
    RejectReason::kConnections, RejectReason::kQueueFull,    RejectReason::kUnauthorized, RejectReason::kForbidden,
    RejectReason::kCrossOrigin, RejectReason::kTls,          RejectReason::kSlowReader};

std::vector<std::string> reason_names() {
  std::vector<std::string> names;
  for (const auto reason : kReasons)
    names.emplace_back(to_string(reason));
  return names;
}

}  // namespace

std::string_view to_string(RejectReason reason) {
  switch (reason) {
    case RejectReason::kMalformed:
      return "malformed";
    case RejectReason::kHeadTooLarge:
      return "head_too_large";
    case RejectReason::kBodyTooLarge:
      return "body_too_large";
    case RejectReason::kTimeout:
      return "timeout";
    case RejectReason::kConnections:
      return "connections";
    case RejectReason::kQueueFull:
      return "queue_full";
    case RejectReason::kUnauthorized:
      return "unauthorized";
    case RejectReason::kForbidden:
      return "forbidden";
    case RejectReason::kCrossOrigin:
      return "cross_origin";
    case RejectReason::kTls:
      return "tls";
    case RejectReason::kSlowReader:
      break;
  }
  return "slow_reader";
}

ServerMetrics::ServerMetrics(Metrics& metrics, const std::string& prefix)
    : requests_(metrics.counters(prefix + "_http_requests_total", "HTTP requests that were answered.",
                                 {{"handler", {}}, {"code", {}}})),
      duration_(metrics.histograms(prefix + "_http_request_duration_seconds",
                                   "Time from the complete request to the answer, in seconds.", {{"handler", {}}})),
      connections_(metrics.gauge(prefix + "_http_connections", "HTTP connections that are open.")),
      rejected_(metrics.counters(prefix + "_http_rejected_total",
                                 "Clients that were turned away or cut off before a handler could answer them.",
                                 {{"reason", reason_names()}})) {}

void ServerMetrics::answered(const std::string& handler, int status, Duration took) const {
  requests_.at({handler, std::to_string(status)}).increment();
  duration_.at({handler}).observe(took);
}

}  // namespace heal::httpd
