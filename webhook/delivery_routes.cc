#include "webhook/delivery_routes.h"

#include <functional>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/source/azure_events.h"
#include "common/remedy/source/ecs_events.h"
#include "common/remedy/source/grafana_events.h"
#include "common/remedy/words.h"
#include "common/wire/azure_monitor.h"
#include "common/wire/event_bridge.h"
#include "common/wire/grafana.h"
#include "webhook/intake_answers.h"
#include "webhook/sns_gate.h"

namespace heal::webhook {
namespace {

namespace words = remedy::words;
using remedy::Delivery;

/// Grafana sends groups as Alertmanager does; AWS and Azure send 256 KiB at most.
constexpr std::size_t kMostGroupBytes = 8 << 20;
constexpr std::size_t kMostEventBytes = 1 << 20;

Result<Delivery> read_grafana(const DeliveryTools& tools, const std::string& body) {
  HEAL_TRY(auto parse, parse_grafana(body));
  return remedy::delivery_of(std::move(parse), tools.world.get()->bundle.config.sources.grafana);
}

Result<Delivery> read_azure(const std::string& body) {
  HEAL_TRY(auto alert, parse_azure_monitor(body));
  return remedy::delivery_of(std::move(alert));
}

Result<Delivery> read_event(const DeliveryTools& tools, remedy::EcsRecoveries& recoveries, const std::string& body) {
  HEAL_TRY(auto event, parse_event_bridge(body));
  auto reading = remedy::read_ecs(std::move(event));
  if (!reading.recovery) {
    recoveries.end_what_is_over(reading.delivery.batch);
    return std::move(reading.delivery);
  }
  HEAL_TRY_STATUS(recoveries.add_ends(*reading.recovery, tools.store, reading.delivery.batch));
  // Told once: of a recovery that ended something nothing was ignored.
  if (!reading.delivery.batch.events.empty()) reading.delivery.ignored.clear();
  return std::move(reading.delivery);
}

/// A confirmation is a person's to give: the URL in it would make us ask whatever a forger wrote there.
Delivery note_confirmation(const Logger& logger, const SnsMessage& message) {
  const bool is_safe = check_sns_url(message.subscribe_url, "").has_value();
  const bool begins = message.type == SnsMessage::Type::kSubscriptionConfirmation;
  logger.warn(begins ? "an SNS topic asks whether to send here; to agree, open subscribe_url or run: aws sns "
                       "confirm-subscription --topic-arn TOPIC --token TOKEN"
                     : "an SNS topic will send here no more; opening subscribe_url would subscribe again",
              {{"topic", printable(message.topic_arn, 300)},
               {"subscribe_url", is_safe ? printable(message.subscribe_url, 2000) : "not of a host of SNS"}});
  Delivery out;
  out.batch.source = words::kSns;
  out.ignored.push_back({0, begins ? "the subscription is not confirmed by itself: see the log for how to"
                                   : "the subscription has ended: see the log"});
  return out;
}

Result<Delivery> read_sns(const DeliveryTools& tools, SnsGate& gate, remedy::EcsRecoveries& recoveries,
                          const std::string& body) {
  HEAL_TRY(const auto message, parse_sns(body));
  HEAL_TRY_STATUS(gate.check(message));
  if (message.type != SnsMessage::Type::kNotification) return note_confirmation(tools.intake.logger, message);
  auto inner = read_event(tools, recoveries, message.message);
  if (inner.has_value() || inner.error().code() != ErrorCode::kInvalid) return inner;
  return make_error(ErrorCode::kInvalid, "/Message: {}", inner.error().str());
}

/// What could not be read is the sender's mistake, and kept; what could not be found out is to be sent again.
void answer_delivery(const IntakeTools& tools, std::string_view source, const httpd::HttpRequest& request,
                     Result<Delivery> delivery, httpd::Responder responder) {
  if (delivery.has_value()) return take(tools, request, std::move(*delivery), std::move(responder));
  responder.send(refuse(tools, source, request, delivery.error()));
}

}  // namespace

void add_delivery_routes(httpd::HttpServer& server, const DeliveryTools& tools) {
  using Read = std::function<Result<Delivery>(const std::string& body)>;
  const auto add = [&](std::string_view source, std::size_t most_bytes, const Read& read) {
    httpd::RouteOptions options;
    options.role = "ingest";
    options.body_bytes = most_bytes;
    server.handle_deferred(
        "POST", fmt::format("/api/v1/ingest/{}", source),
        [intake = tools.intake, source, read](const httpd::HttpRequest& request, httpd::Responder responder) {
          answer_delivery(intake, source, request, read(request.body), std::move(responder));
        },
        options);
  };
  const auto gate = std::make_shared<SnsGate>(tools.world, tools.clock, tools.http);
  const auto recoveries = std::make_shared<remedy::EcsRecoveries>();
  add(words::kGrafana, kMostGroupBytes, [tools](const std::string& body) { return read_grafana(tools, body); });
  add(words::kAzureMonitor, kMostEventBytes, [](const std::string& body) { return read_azure(body); });
  add(words::kEventBridge, kMostEventBytes,
      [tools, recoveries](const std::string& body) { return read_event(tools, *recoveries, body); });
  add(words::kSns, kMostEventBytes,
      [tools, gate, recoveries](const std::string& body) { return read_sns(tools, *gate, *recoveries, body); });
}

}  // namespace heal::webhook
