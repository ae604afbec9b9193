#include "webhook/intake_answers.h"

#include <memory>
#include <utility>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"
#include "webhook/answers.h"

namespace heal::webhook {
namespace {

namespace words = remedy::words;

/// The first of them: whoever sent ten thousand bad alerts has one mistake to mend.
Json rejected_json(const std::vector<RejectedAlert>& rejected) {
  Json list = Json::array();
  for (const RejectedAlert& alert : rejected) {
    if (list.size() == kMostListed) break;
    list.push_back({{"index", alert.index}, {"pointer", alert.pointer}, {"reason", alert.reason}});
  }
  return list;
}

Json ignored_json(const std::vector<remedy::IgnoredEvent>& ignored) {
  Json list = Json::array();
  for (const auto& event : ignored) {
    if (list.size() == kMostListed) break;
    list.push_back({{"index", event.index}, {"reason", event.reason}});
  }
  return list;
}

void count(const IntakeTools& tools, std::string_view source, std::string_view result, std::size_t number) {
  tools.metrics.events.at({std::string(source), std::string(result)}).increment(static_cast<double>(number));
}

/// `reason`: of the first.
void note_rejected(const IntakeTools& tools, std::string_view source, const httpd::HttpRequest& request,
                   std::size_t number, const std::string& reason) {
  count(tools, source, words::kRejected, number);
  tools.logger.warn("notification rejected", {{"source", source},
                                              {"remote", request.remote},
                                              {"rejected", number},
                                              {"reason", printable(reason, 400)},
                                              {"sha256", sha256_hex(request.body)}});
}

/// Alerts that a sender left out (`max_alerts`) are the same ones each time and never come: somebody must know.
void note_truncated(const IntakeTools& tools, const EventBatch& batch) {
  if (batch.truncated_alerts == 0) return;
  tools.metrics.truncated.increment(static_cast<double>(batch.truncated_alerts));
  tools.logger.warn(
      "alerts were left out of a notification: raise or remove max_alerts of the receiver",
      {{"source", batch.source}, {"receiver", printable(batch.receiver)}, {"truncated", batch.truncated_alerts}});
}

/// The answer's members that are known before anything is taken.
Json beginning(const remedy::Delivery& delivery) {
  Json body{
      {"accepted", 0}, {"duplicates", 0}, {"rejected", rejected_json(delivery.rejected)}, {"incidents", Json::array()}};
  if (!delivery.ignored.empty()) body["ignored"] = ignored_json(delivery.ignored);
  return body;
}

}  // namespace

httpd::HttpResponse refuse(const IntakeTools& tools, std::string_view source, const httpd::HttpRequest& request,
                           const Error& error) {
  if (error.code() != ErrorCode::kInvalid) return answer_error(error);
  note_rejected(tools, source, request, 1, error.str());
  tools.quarantine.keep(request.body, error.str(), request.remote);
  return answer_error(error);
}

void take(const IntakeTools& tools, const httpd::HttpRequest& request, remedy::Delivery delivery,
          httpd::Responder responder) {
  const std::string source = delivery.batch.source;
  if (!delivery.rejected.empty()) {
    const RejectedAlert& first = delivery.rejected.front();
    note_rejected(tools, source, request, delivery.rejected.size(), first.pointer + ": " + first.reason);
    tools.quarantine.keep(delivery.rejected, request.remote);
  }
  if (!delivery.ignored.empty()) count(tools, source, words::kIgnored, delivery.ignored.size());
  note_truncated(tools, delivery.batch);
  Json body = beginning(delivery);
  if (!delivery.has_good_ones) {
    body["error"] = {{"code", "invalid"}, {"message", "no alert could be taken"}};
    return responder.send(answer(400, body));
  }
  auto shared = std::make_shared<httpd::Responder>(std::move(responder));
  tools.coordinator.ingest(std::move(delivery.batch),
                           [shared, body = std::move(body)](Result<remedy::IngestReply> reply) mutable {
                             if (!reply.has_value()) return shared->send(answer_error(reply.error()));
                             body["accepted"] = reply->accepted;
                             body["duplicates"] = reply->duplicates;
                             body["incidents"] = reply->incidents;
                             shared->send(answer(reply->accepted > 0 ? 202 : 200, body));
                           });
}

}  // namespace heal::webhook
