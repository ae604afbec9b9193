#include "webhook/actuator/gateway.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/either_stop.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"
#include "webhook/actuator/answers.h"
#include "webhook/actuator/visit.h"

namespace heal::actuator {
namespace {

constexpr Duration kCallTime = 60s;              // on top of a grace that was asked for
constexpr Duration kLongest = 1h;                // of waiting for a container's end
constexpr std::size_t kMostActionsWaiting = 64;  // that wait for the engine at the same time

bool is_long(const Call& call) {
  return call.is_stream || call.verb == Verb::kWait;
}

std::string_view stream_type(Verb verb) {
  const bool is_raw = verb == Verb::kLogs || verb == Verb::kExecStart;
  return is_raw ? "application/vnd.docker.raw-stream" : "application/json";
}

}  // namespace

void Gateway::serve(const httpd::HttpRequest& request, httpd::Responder responder) {
  const auto visit = std::make_shared<Visit>(tools_, request, std::move(responder));
  auto parsed = parse_call(request);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  visit->call = std::get<Call>(std::move(parsed));
  visit->decision.verb = visit->call.verb;
  visit->decision.container = visit->call.container;
  if (visit->call.grace > visit->policy->config().max_grace) {
    return visit->refuse(
        {Reason::kQuery, fmt::format("{}: a grace of more than {} is not accepted", to_string(visit->call.verb),
                                     format_duration(visit->policy->config().max_grace))});
  }
  serve_call(visit);
}

void Gateway::serve_call(const std::shared_ptr<Visit>& visit) {
  switch (visit->call.verb) {
    case Verb::kPing:
    case Verb::kVersion:
    case Verb::kList:
      return forward(*visit, stopping_.get_token());
    case Verb::kEvents:
      return start_stream(visit);
    case Verb::kCreate:
      return serve_create(visit);
    case Verb::kNetworkConnect:
    case Verb::kNetworkDisconnect:
      return serve_network(visit);
    case Verb::kUpdate:
      return serve_update(visit);
    case Verb::kExec:
      return serve_exec(visit);
    case Verb::kExecStart:
      return serve_exec_start(visit);
    case Verb::kExecInspect:
      return serve_exec_inspect(visit);
    case Verb::kRename:
      return serve_rename(visit);
    case Verb::kRemove:
      return serve_remove(visit);
    default:
      return serve_container(visit, visit->call.container);
  }
}

std::optional<ContainerInfo> Gateway::look_up(Visit& visit, const std::string& name) {
  visit.decision.container = name;
  auto info = tools_.engine.inspect(name, tools_.clock.deadline_in(kLookTime), stopping_.get_token());
  if (info) {
    visit.id = info->id;
    visit.decision.id = info->id;
    visit.decision.container = info->name;
    return std::move(*info);
  }
  if (info.error().code() == ErrorCode::kNotFound) {
    visit.decision.reason = Reason::kNoContainer;
    visit.decision.message = info.error().str();
    visit.finish(docker_answer(404, "No such container: " + name));
  } else {
    visit.fail(info.error());
  }
  return std::nullopt;
}

bool Gateway::admit(Visit& visit, const ContainerInfo& container) {
  const Verb verb = visit.call.verb;
  return admit(visit, visit.policy->decide(verb, container), verb, container.id);
}

bool Gateway::admit(Visit& visit, const std::variant<Allowance, Refusal>& answer, Verb verb,
                    const std::string& counted) {
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    visit.refuse(*refusal);
    return false;
  }
  const auto& allowance = std::get<Allowance>(answer);
  visit.decision.rule = allowance.rule;
  if (!is_action(verb)) return true;
  const auto& total = visit.policy->config().total;
  const auto exceeded =
      rates_.take(fmt::format("{}/{}/{}", allowance.rule, to_string(verb), counted), allowance.rate, total);
  if (!exceeded) return true;
  const bool is_own = exceeded->which == RateCap::Exceeded::Which::kOwn;
  const RateLimit& limit = is_own ? allowance.rate : total;
  visit.refuse(
      {is_own ? Reason::kRate : Reason::kTotalRate,
       fmt::format("{} of {}: more than {} {} in {}", to_string(verb), visit.decision.container, limit.actions,
                   is_own ? "such actions on it" : "actions on all containers", format_duration(limit.window))},
      exceeded->retry_after);
  return false;
}

bool Gateway::admit_network_fault(Visit& visit, const ContainerInfo& victim) {
  const Verb verb = visit.call.verb;
  auto answer = visit.policy->decide(verb, victim);
  if (std::holds_alternative<Allowance>(answer)) {
    const auto all = tools_.engine.list(tools_.clock.deadline_in(kLookTime), stopping_.get_token());
    if (!all) {
      visit.fail(all.error());
      return false;
    }
    if (auto refusal = visit.policy->refuse_broken_network(verb, victim, *all)) answer = std::move(*refusal);
  }
  return admit(visit, answer, verb, victim.id);
}

void Gateway::serve_container(const std::shared_ptr<Visit>& visit, const std::string& name) {
  const auto container = look_up(*visit, name);
  if (!container || !admit(*visit, *container)) return;
  if (is_long(visit->call)) return start_stream(visit);
  if (!is_action(visit->call.verb)) return forward(*visit, stopping_.get_token());
  if (!bound_stop(*visit)) return;
  start_action(visit);
}

bool Gateway::bound_stop(Visit& visit) {
  Call& call = visit.call;
  const bool is_stop = call.verb == Verb::kStop || call.verb == Verb::kRestart;
  const bool has_time =
      std::any_of(call.query.begin(), call.query.end(), [](const auto& each) { return each.first == "t"; });
  if (!is_stop || has_time) return true;
  const EngineCall look{"GET", fmt::format("{}/containers/{}/json", call.version, visit.id), "", kMostBytes};
  const auto inspected = tools_.connection.call(look, {}, tools_.clock.deadline_in(kLookTime), stopping_.get_token());
  if (!inspected) {
    visit.fail(inspected.error());
    return false;
  }
  call.grace = stop_time_of(inspected->body, visit.policy->config().max_grace);
  call.query.emplace_back("t", fmt::format("{}", std::chrono::ceil<std::chrono::seconds>(call.grace).count()));
  return true;
}

void Gateway::start_action(const std::shared_ptr<Visit>& visit) {
  const auto task = [this, visit](std::stop_token stop) { forward(*visit, std::move(stop)); };
  if (actions_.start(kMostActionsWaiting, task)) return;
  visit->refuse({Reason::kBusy, "too many actions at the same time"}, 1s);
}

void Gateway::serve_network(const std::shared_ptr<Visit>& visit) {
  auto parsed = parse_network_body(visit->call);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  const auto& body = std::get<NetworkBody>(parsed);
  const auto container = look_up(*visit, body.container);
  if (!container) return;
  const bool joins = visit->call.verb == Verb::kNetworkConnect;
  if (const auto endpoint = begun_.endpoint(container->id, visit->call.network); joins && endpoint) {
    const auto answer = visit->policy->decide(Verb::kRecreate, *container);
    if (!admit(*visit, answer, visit->call.verb, container->id)) return;
    visit->call.body = write_network_body(visit->call, {body.container, *endpoint}, container->id);
    return forward(*visit, stopping_.get_token());
  }
  if (!visit->policy->may_cut(visit->call.network)) {
    return visit->refuse(
        {Reason::kNotAllowed,
         fmt::format("network {} is not under `faults: networks:` of actuator.yml", printable(visit->call.network))});
  }
  if (!(joins ? admit(*visit, *container) : admit_network_fault(*visit, *container))) return;
  visit->call.body = write_network_body(visit->call, body, container->id);
  forward(*visit, stopping_.get_token());
}

void Gateway::serve_create(const std::shared_ptr<Visit>& visit) {
  for (const auto& [name, value] : visit->call.query) {
    if (name == "name" && value.size() > kNewSuffix.size() && value.ends_with(kNewSuffix))
      return serve_clone(visit, value.substr(0, value.size() - kNewSuffix.size()));
  }
  auto parsed = parse_helper_request(visit->call, visit->policy->config().faults);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  auto& helper = std::get<HelperRequest>(parsed);
  const auto container = look_up(*visit, helper.container);
  if (!container) return;
  if (helper.pid != 0 && container->pid != helper.pid) {
    return visit->refuse({Reason::kBody, fmt::format("create: {} is not the main process of {}", helper.pid,
                                                     printable(container->name))});
  }
  if (!(helper.breaks_network ? admit_network_fault(*visit, *container) : admit(*visit, *container))) return;
  visit->call.body = std::move(helper.body);
  forward(*visit, stopping_.get_token());
}

httpd::HttpResponse Gateway::answer_of(const Visit& visit, HttpClientResponse answer) const {
  httpd::HttpResponse response;
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) {
    const std::string lower = to_lower(name);
    if (lower == "content-type") response.content_type = value;
    if (lower == "api-version" || lower == "ostype") response.headers.emplace_back(name, value);
  }
  Result<std::string> body = std::move(answer.body);
  const Verb verb = visit.call.verb;
  const auto may_see = [&](const ContainerInfo& container) { return visit.policy->allows(verb, container); };
  const bool is_good = response.status == 200;
  if (is_good && verb == Verb::kList) body = filter_list(*body, may_see);
  const bool hides = verb == Verb::kInspect && !visit.policy->config().show_environment;
  if (is_good && hides) body = hide_environment(*body);
  if (!body) return docker_answer(status_of(Reason::kUnavailable), body.error().str());
  response.body = std::move(*body);
  return response;
}

void Gateway::forward(Visit& visit, std::stop_token stop) {
  const EngineCall call{engine_method(visit.call.verb), engine_path(visit.call, visit.id), visit.call.body, kMostBytes};
  const Duration patience = visit.call.verb == Verb::kWait ? kLongest : kCallTime + visit.call.grace;
  auto answer = tools_.connection.call(call, {}, tools_.clock.deadline_in(patience), std::move(stop));
  if (!answer) return visit.fail(answer.error());
  visit.finish(answer_of(visit, std::move(*answer)));
}

std::string Gateway::forward_for_id(Visit& visit) {
  const EngineCall call{engine_method(visit.call.verb), engine_path(visit.call, visit.id), visit.call.body, kMostBytes};
  auto answer = tools_.connection.call(call, {}, tools_.clock.deadline_in(kCallTime), stopping_.get_token());
  if (!answer) {
    visit.fail(answer.error());
    return "";
  }
  const auto id = answer->status == 201 ? parse_docker_created(answer->body) : Result<std::string>("");
  visit.held_back = answer_of(visit, std::move(*answer));
  return id.value_or("");
}

void Gateway::start_stream(const std::shared_ptr<Visit>& visit) {
  const auto task = [this, visit](const std::stop_token& stop) {
    const remedy::EitherStop either(stop, visit->responder.gone());
    if (visit->call.is_stream) return stream(*visit, either.token());
    forward(*visit, either.token());
  };
  if (streams_.start(visit->policy->config().max_streams, task)) return;
  visit->refuse({Reason::kBusy, "too many streams at the same time"}, 1s);
}

void Gateway::stream(Visit& visit, const std::stop_token& stop) {
  httpd::StreamWriter writer;
  bool is_open = false;
  const auto open = [&] {
    if (std::exchange(is_open, true)) return;
    visit.record(200);
    writer = visit.responder.open_stream(std::string(stream_type(visit.call.verb)));
  };
  EventFilter filter([&](const ContainerInfo& container) { return visit.policy->allows(Verb::kEvents, container); });
  const bool is_events = visit.call.verb == Verb::kEvents;
  const auto on_chunk = [&](std::string_view chunk) {
    open();
    const std::string passed = is_events ? filter.feed(chunk) : std::string(chunk);
    return passed.empty() || writer.write(passed) ? StreamNext::kContinue : StreamNext::kEnd;
  };
  // An engine that has no event for us sends nothing, and whoever asked must not wait for the head of the answer.
  if (is_events) open();
  const EngineCall call{engine_method(visit.call.verb), engine_path(visit.call, visit.id), visit.call.body, kMostBytes};
  auto answer = tools_.connection.call(call, on_chunk, SteadyTime::max(), stop);
  if (is_open) return writer.close();
  if (!answer) return visit.fail(answer.error());
  visit.finish(answer_of(visit, std::move(*answer)));
}

void Gateway::stop() {
  stopping_.request_stop();
  streams_.stop();
  actions_.stop();
}

}  // namespace heal::actuator
