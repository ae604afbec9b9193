#include "webhook/intake_routes.h"

#include <memory>
#include <utility>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/alertmanager.h"
#include "common/wire/json.h"
#include "webhook/answers.h"

namespace heal::webhook {
namespace {

namespace words = remedy::words;

/// Alertmanager sends a whole group at once; labels may be long.
constexpr std::size_t kMostBodyBytes = 8 << 20;

constexpr std::size_t kMostListed = 100;

/// The first of them: whoever sent ten thousand bad alerts has one mistake to mend.
Json rejected_json(const std::vector<RejectedAlert>& rejected) {
  Json list = Json::array();
  for (const RejectedAlert& alert : rejected) {
    if (list.size() == kMostListed) break;
    list.push_back({{"index", alert.index}, {"pointer", alert.pointer}, {"reason", alert.reason}});
  }
  return list;
}

class Notification {
 public:
  Notification(const IntakeTools& tools, const httpd::HttpRequest& request) : tools_(tools), request_(request) {}

  void take(httpd::Responder responder) {
    auto parsed = parse_alertmanager_v4(request_.body);
    if (!parsed.has_value()) {
      count_rejected(1, parsed.error().str());
      tools_.quarantine.keep(request_.body, parsed.error().str(), request_.remote);
      return responder.send(answer_error(parsed.error()));
    }
    if (!parsed->rejected.empty()) {
      const RejectedAlert& first = parsed->rejected.front();
      count_rejected(parsed->rejected.size(), first.pointer + ": " + first.reason);
      tools_.quarantine.keep(parsed->rejected, request_.remote);
    }
    Json rejected = rejected_json(parsed->rejected);
    if (parsed->group.alerts.empty()) {
      return responder.send(answer(400, {{"error", {{"code", "invalid"}, {"message", "no alert could be taken"}}},
                                         {"accepted", 0},
                                         {"duplicates", 0},
                                         {"rejected", std::move(rejected)},
                                         {"incidents", Json::array()}}));
    }
    auto shared = std::make_shared<httpd::Responder>(std::move(responder));
    tools_.coordinator.ingest(
        std::move(parsed->group), [shared, rejected = std::move(rejected)](Result<remedy::IngestReply> reply) {
          if (!reply.has_value()) return shared->send(answer_error(reply.error()));
          shared->send(answer(reply->accepted > 0 ? 202 : 200, {{"accepted", reply->accepted},
                                                                {"duplicates", reply->duplicates},
                                                                {"rejected", rejected},
                                                                {"incidents", reply->incidents}}));
        });
  }

 private:
  /// `reason`: of the first.
  void count_rejected(std::size_t count, const std::string& reason) {
    tools_.metrics.events.at({std::string(words::kAlertmanager), std::string(words::kRejected)})
        .increment(static_cast<double>(count));
    tools_.logger.warn("notification rejected", {{"remote", request_.remote},
                                                 {"rejected", count},
                                                 {"reason", printable(reason, 400)},
                                                 {"sha256", sha256_hex(request_.body)}});
  }

  const IntakeTools& tools_;
  const httpd::HttpRequest& request_;
};

}  // namespace

void add_intake_routes(httpd::HttpServer& server, const IntakeTools& tools) {
  httpd::RouteOptions options;
  options.role = "ingest";
  options.body_bytes = kMostBodyBytes;
  for (const char* path : {"/webhook", "/failover"}) {
    server.handle_deferred(
        "POST", path,
        [tools](const httpd::HttpRequest& request, httpd::Responder responder) {
          Notification(tools, request).take(std::move(responder));
        },
        options);
  }
}

}  // namespace heal::webhook
