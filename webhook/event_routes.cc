#include <optional>
#include <utility>

#include "common/base/text.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/query.h"

namespace heal::webhook {

void add_event_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions options;
  options.role = "view";
  server.handle_deferred(
      "GET", "/api/v1/events",
      with_query({{"after"}},
                 [&events = tools.events](const httpd::HttpRequest& request, httpd::Responder responder) {
                   if (request.method == "HEAD") {
                     httpd::HttpResponse head;
                     head.content_type = "text/event-stream";
                     return responder.send(std::move(head));
                   }
                   std::string_view from = request.header("Last-Event-ID");
                   if (from.empty()) from = request.param("after").value_or("");
                   std::optional<std::uint64_t> after;
                   if (!from.empty()) {
                     const auto number = parse_int(from);
                     if (!number || *number < 0) {
                       return responder.send(answer_error(
                           make_error(ErrorCode::kInvalid, "Last-Event-ID or after: expected a whole number")));
                     }
                     after = static_cast<std::uint64_t>(*number);
                   }
                   events.follow(std::move(responder), after);
                 }),
      options);
}

}  // namespace heal::webhook
