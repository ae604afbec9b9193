#include "webhook/intake_routes.h"

#include <utility>

#include "common/remedy/source/alertmanager_events.h"
#include "common/remedy/words.h"
#include "common/wire/alertmanager.h"
#include "webhook/intake_answers.h"

namespace heal::webhook {
namespace {

/// Alertmanager sends a whole group at once; labels may be long.
constexpr std::size_t kMostBodyBytes = 8 << 20;

void take_notification(const IntakeTools& tools, const httpd::HttpRequest& request, httpd::Responder responder) {
  auto parsed = parse_alertmanager_v4(request.body);
  if (!parsed.has_value()) return responder.send(refuse(tools, remedy::words::kAlertmanager, request, parsed.error()));
  take(tools, request, remedy::delivery_of(std::move(*parsed)), std::move(responder));
}

}  // namespace

void add_intake_routes(httpd::HttpServer& server, const IntakeTools& tools) {
  httpd::RouteOptions options;
  options.role = "ingest";
  options.body_bytes = kMostBodyBytes;
  for (const char* path : {"/webhook", "/failover", "/api/v1/ingest/alertmanager"}) {
    server.handle_deferred(
        "POST", path,
        [tools](const httpd::HttpRequest& request, httpd::Responder responder) {
          take_notification(tools, request, std::move(responder));
        },
        options);
  }
}

}  // namespace heal::webhook
