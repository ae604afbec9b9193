#pragma once

#include <string>

#include "common/telemetry/metrics.h"

namespace heal::httpd {

/// Why a client was turned away or cut off before a handler could answer it.
enum class RejectReason {
  kMalformed,
  kHeadTooLarge,
  kBodyTooLarge,
  kTimeout,
  kConnections,
  kQueueFull,
  kUnauthorized,
  kForbidden,
  kCrossOrigin,
  kTls,
  kSlowReader,
};

std::string_view to_string(RejectReason reason);

/// The server's own metrics.
class ServerMetrics {
 public:
  ServerMetrics(Metrics& metrics, const std::string& prefix);

  void answered(const std::string& handler, int status, Duration took) const;
  void rejected(RejectReason reason) const { rejected_.at({std::string(to_string(reason))}).increment(); }
  Gauge connections() const { return connections_; }

 private:
  CounterFamily requests_;
  HistogramFamily duration_;
  Gauge connections_;
  CounterFamily rejected_;
};

}  // namespace heal::httpd
