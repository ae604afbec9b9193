#pragma once

#include "common/httpd/server.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/metrics.h"
#include "webhook/quarantine.h"

namespace heal::webhook {

/// What the intake routes work with. All must outlive the server.
struct IntakeTools {
  remedy::Coordinator& coordinator;
  Quarantine& quarantine;
  remedy::RemedyMetrics metrics;
  Logger logger;
};

/// `POST /webhook`, `/failover` and `/api/v1/ingest/alertmanager`: notifications of Alertmanager, version "4". 202 when
/// something changed (durable), 200 when all was known, 503 with Retry-After for back-pressure and store errors, 400
/// with the JSON pointer for what is no notification; bodies `{"accepted", "duplicates", "rejected", "incidents"}`.
void add_intake_routes(httpd::HttpServer& server, const IntakeTools& tools);

}  // namespace heal::webhook
