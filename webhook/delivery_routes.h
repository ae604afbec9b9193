#pragma once

#include "common/base/snapshot.h"
#include "common/httpd/server.h"
#include "common/port/clock.h"
#include "common/port/http_client.h"
#include "common/port/store.h"
#include "common/remedy/world.h"
#include "webhook/intake_routes.h"

namespace heal::webhook {

/// What the routes of senders other than Alertmanager need besides.
struct DeliveryTools {
  IntakeTools intake;
  Snapshot<remedy::World>& world;
  Store& store;
  Clock& clock;
  HttpClient& http;
};

/// POST /api/v1/ingest/{grafana|azure-monitor|eventbridge|sns}: what these services send, made into events. Answers as
/// add_intake_routes, with `ignored: [{"index", "reason"}]` for what is read and says nothing of a trouble.
void add_delivery_routes(httpd::HttpServer& server, const DeliveryTools& tools);

}  // namespace heal::webhook
