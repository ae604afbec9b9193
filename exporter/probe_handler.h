#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/base/snapshot.h"
#include "common/httpd/server.h"
#include "common/probe/engine.h"
#include "common/telemetry/metrics.h"
#include "exporter/config.h"
#include "exporter/history.h"

namespace heal::exporter {

/// `GET /probe?module=&target=[&debug=true][&hostname=]`, with blackbox_exporter's answers. Thread-safe.
class ProbeHandler {
 public:
  struct Settings {
    Duration timeout_offset = 500ms;     ///< kept back of Prometheus' scrape time-out
    std::size_t max_in_flight = 10'000;  ///< more get 503
  };
  /// All references must outlive this and the probes that it has begun.
  ProbeHandler(Settings settings, probe::Engine& engine, const Snapshot<ExporterConfig>& config, History& history,
               Metrics& metrics);

  void handle(const httpd::HttpRequest& request, httpd::Responder responder);

 private:
  /// What to probe and until when, or the answer that says why not.
  struct Plan {
    probe::ProbeRequest request;
    Duration timeout{};
    std::optional<Duration> confirm_time;  ///< of a module with `confirm`
  };
  std::optional<httpd::HttpResponse> plan(const httpd::HttpRequest& request, Plan& plan) const;

  const Settings settings_;
  probe::Engine& engine_;
  const Snapshot<ExporterConfig>& config_;
  History& history_;
  mutable std::atomic<std::uint64_t> unknown_modules_{0};
};

}  // namespace heal::exporter
