#include <memory>
#include <utility>

#include "common/base/text.h"
#include "common/remedy/lever_file.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/asker.h"
#include "webhook/query.h"

namespace heal::webhook {
namespace {

using remedy::Breaker;
using remedy::Lever;
using remedy::Pause;

/// Sends what `show` makes of the result, or its error.
template <typename T, typename Show>
std::function<void(Result<T>)> sender(httpd::Responder responder, Show show) {
  auto shared = std::make_shared<httpd::Responder>(std::move(responder));
  return [shared, show = std::move(show)](Result<T> result) {
    shared->send(result.has_value() ? show(*result) : answer_error(result.error()));
  };
}

template <typename List>
Json list_json(const List& list) {
  Json out = Json::array();
  for (const auto& item : list)
    out.push_back(remedy::to_json(item));
  return out;
}

Json pauses_json(const remedy::ControlState& controls, WallTime now) {
  Json list = Json::array();
  for (const auto& [name, pause] : controls.pauses) {
    if (pause.is_in_force(now)) list.push_back(remedy::to_json(pause));
  }
  return list;
}

Json breakers_json(const remedy::ControlState& controls) {
  Json list = Json::array();
  for (const auto& [key, breaker] : controls.breakers)
    list.push_back(remedy::to_json(breaker));
  return list;
}

Result<Pause> parse_pause(const httpd::HttpRequest& request, WallTime now) {
  HEAL_TRY(const Json body, parse_json(request.body));
  HEAL_TRY_STATUS(check_members(body, {"name", "reason", "for", "until", "by"}));
  Pause pause;
  HEAL_TRY(const auto by, get_optional_string(body, "by"));
  pause.by = asker(request, by.value_or(""));
  HEAL_TRY(pause.name, get_string(body, "name"));
  HEAL_TRY(pause.reason, get_string(body, "reason"));
  HEAL_TRY(pause.until, get_optional_time(body, "until"));
  HEAL_TRY(const auto length, get_optional_string(body, "for"));
  if (!length) return pause;
  if (pause.until) return Error(ErrorCode::kInvalid, "expected \"for\" or \"until\", not both");
  HEAL_TRY(const Duration duration, parse_duration(*length).with_context("/for"));
  pause.until = now + duration;
  return pause;
}

void add_pause_routes(httpd::HttpServer& server, const ApiTools& tools, const httpd::RouteOptions& view,
                      const httpd::RouteOptions& operate) {
  server.get(
      "/api/v1/pauses",
      with_query({},
                 [tools](const httpd::HttpRequest&) {
                   return answer(200, {{"pauses", pauses_json(*tools.coordinator.controls(), tools.clock.now())}});
                 }),
      view);
  server.handle_deferred("POST", "/api/v1/pauses",
                         with_query({},
                                    [tools](const httpd::HttpRequest& request, httpd::Responder responder) {
                                      auto pause = parse_pause(request, tools.clock.now());
                                      if (!pause.has_value()) return responder.send(answer_error(pause.error()));
                                      tools.coordinator.pause(
                                          std::move(*pause), sender<Pause>(std::move(responder), [](const Pause& done) {
                                            return answer(201, {{"pause", remedy::to_json(done)}});
                                          }));
                                    }),
                         operate);
  server.handle_deferred(
      "DELETE", "/api/v1/pauses/*",
      with_query({{"by"}},
                 [tools](const httpd::HttpRequest& request, httpd::Responder responder) {
                   const std::string by = asker(request, std::string(request.param("by").value_or("")));
                   tools.coordinator.end_pause(
                       request.tail, by, sender<Pause>(std::move(responder), [tools](const Pause& ended) {
                         const auto left = pauses_json(*tools.coordinator.controls(), tools.clock.now());
                         return answer(200, {{"pause", remedy::to_json(ended)}, {"pauses", left}});
                       }));
                 }),
      operate);
}

Json lever_json(const ApiTools& tools, const Lever& lever) {
  const auto world = tools.world.get();
  const auto& config = world->bundle.config;
  const auto file = remedy::read_lever_file(config.safety.lever.file, config.file);
  Json file_json;
  if (!file.path.empty()) file_json = {{"path", file.path}, {"run", file.is_run}, {"message", file.message}};
  return {{"lever", remedy::to_json(lever)}, {"file", file_json}, {"stops", lever.is_engaged || !file.is_run}};
}

void set_lever(const ApiTools& tools, const httpd::HttpRequest& request, httpd::Responder responder) {
  struct Wish {
    remedy::LeverMove move = remedy::LeverMove::kEngage;
    std::string by, reason;
  };
  const auto parse = [&]() -> Result<Wish> {
    HEAL_TRY(const Json body, parse_json(request.body));
    HEAL_TRY_STATUS(check_members(body, {"engaged", "reason", "by"}));
    HEAL_TRY(const bool engaged, get_bool(body, "engaged"));
    HEAL_TRY(const auto by, get_optional_string(body, "by"));
    HEAL_TRY(const auto reason, get_optional_string(body, "reason"));
    return Wish{engaged ? remedy::LeverMove::kEngage : remedy::LeverMove::kRelease, asker(request, by.value_or("")),
                reason.value_or("")};
  };
  auto wish = parse();
  if (!wish.has_value()) return responder.send(answer_error(wish.error()));
  tools.coordinator.set_lever(wish->move, wish->by, wish->reason,
                              sender<Lever>(std::move(responder), [tools](const Lever& lever) {
                                return answer(200, lever_json(tools, lever));
                              }));
}

void reset_breakers(const ApiTools& tools, const httpd::HttpRequest& request, httpd::Responder responder) {
  struct Wish {
    remedy::BreakerChoice choice;
    std::string by, reason;
  };
  const auto parse = [&]() -> Result<Wish> {
    Wish wish;
    HEAL_TRY(const Json body, parse_json(request.body));
    HEAL_TRY_STATUS(check_members(body, {"playbook", "target", "all", "by", "reason"}));
    HEAL_TRY(const auto playbook, get_optional_string(body, "playbook"));
    HEAL_TRY(const auto target, get_optional_string(body, "target"));
    HEAL_TRY(const auto all, get_optional_bool(body, "all"));
    HEAL_TRY(const auto by, get_optional_string(body, "by"));
    HEAL_TRY(const auto reason, get_optional_string(body, "reason"));
    wish.choice = {playbook.value_or(""), target.value_or(""),
                   all.value_or(false) ? remedy::BreakerChoice::Which::kAll : remedy::BreakerChoice::Which::kMatching};
    wish.by = asker(request, by.value_or(""));
    wish.reason = reason.value_or("");
    return wish;
  };
  auto wish = parse();
  if (!wish.has_value()) return responder.send(answer_error(wish.error()));
  tools.coordinator.reset_breakers(
      std::move(wish->choice), wish->by, wish->reason,
      sender<std::vector<Breaker>>(std::move(responder), [](const std::vector<Breaker>& reset) {
        return answer(200, {{"breakers", list_json(reset)}});
      }));
}

}  // namespace

void add_control_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions view;
  view.role = "view";
  httpd::RouteOptions operate;
  operate.role = "operate";
  add_pause_routes(server, tools, view, operate);
  server.get("/api/v1/lever",
             with_query({},
                        [tools](const httpd::HttpRequest&) {
                          return answer(200, lever_json(tools, tools.coordinator.controls()->lever));
                        }),
             view);
  server.handle_deferred(
      "PUT", "/api/v1/lever",
      with_query({}, [tools](const httpd::HttpRequest& request,
                             httpd::Responder responder) { set_lever(tools, request, std::move(responder)); }),
      operate);
  server.get("/api/v1/breakers",
             with_query({},
                        [tools](const httpd::HttpRequest&) {
                          return answer(200, {{"breakers", breakers_json(*tools.coordinator.controls())}});
                        }),
             view);
  server.handle_deferred(
      "POST", "/api/v1/breakers/reset",
      with_query({}, [tools](const httpd::HttpRequest& request,
                             httpd::Responder responder) { reset_breakers(tools, request, std::move(responder)); }),
      operate);
}

}  // namespace heal::webhook
