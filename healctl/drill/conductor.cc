#include "healctl/drill/conductor.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/rehearsal/observe.h"
#include "common/wire/json.h"
#include "common/wire/prometheus.h"
#include "healctl/command/arguments.h"
#include "healctl/service/faults.h"
#include "healctl/service/follow.h"

namespace heal::ctl {
namespace {

constexpr Duration kPoll = 250ms;
/// How long the service is listened to before it is asked anyway.
constexpr Duration kListen = 1s;
constexpr Duration kServiceAnswer = 5s;
/// How long the service may take to undo the fault and to look whether it is undone.
constexpr Duration kUndoPatience = 60s;

using Outcome = DrillStage::Outcome;

}  // namespace

std::string told(const Incident& incident) {
  return fmt::format("incident {} is {} ({}: {})", incident.id, to_string(incident.state), incident.reason,
                     incident.message);
}

Conductor::Conductor(Context& context, const Drill& drill, std::string prometheus, InProduction in_production,
                     OnStage on_stage, OnWait on_wait)
    : context_(context),
      drill_(drill),
      prometheus_(std::move(prometheus)),
      in_production_(in_production),
      on_stage_(std::move(on_stage)),
      on_wait_(std::move(on_wait)) {}

DrillReport Conductor::run() {
  began_at_ = context_.clock().now();
  using Step = Next (Conductor::*)();
  constexpr std::array<Step, 5> kSteps{&Conductor::alert, &Conductor::decision, &Conductor::heal, &Conductor::resolved,
                                       &Conductor::untouched};
  if (steady() == Next::kEnd || inject(false) == Next::kEnd) {
    if (was_injected_) revert();
    return report_;
  }
  for (const Step step : kSteps) {
    if ((this->*step)() == Next::kEnd) break;
  }
  revert();
  steady_again();
  return report_;
}

DrillReport Conductor::rehearse() {
  if (steady() == Next::kGoOn) inject(true);
  return report_;
}

Conductor::Next Conductor::end_stage(DrillStage stage) {
  const bool is_failed = stage.outcome == Outcome::kFailed;
  if (is_failed && report_.exit == Exit::kDone)
    report_.exit = context_.stop().stop_requested() ? Exit::kInterrupted : Exit::kFailed;
  on_stage_(stage);
  report_.stages.push_back(std::move(stage));
  return is_failed ? Next::kEnd : Next::kGoOn;
}

// What healctl asks itself.

Result<std::vector<PromSample>> Conductor::query(const std::string& expression) {
  HttpClientRequest request;
  request.url = fmt::format("{}/api/v1/query?query={}", prometheus_, percent_encode(expression));
  request.ca_file = context_.settings().ca_file;
  HEAL_TRY(const auto response,
           context_.ports().http.send(request, context_.clock().deadline_in(kServiceAnswer), context_.stop()));
  return parse_prometheus_query(response.body);
}

Result<bool> Conductor::holds(const DrillCheck& check) {
  if (check.kind == DrillCheck::Kind::kPromql) {
    HEAL_TRY(const auto samples, query(check.address));
    if (!check.compared) return !samples.empty();
    const auto fits = [&](const PromSample& sample) {
      return playbook::compare(sample.value, check.compared->first, check.compared->second);
    };
    return !samples.empty() && std::all_of(samples.begin(), samples.end(), fits);
  }
  HttpClientRequest request;
  request.url = check.address;
  request.ca_file = context_.settings().ca_file;
  request.too_long = HttpClientRequest::TooLong::kCut;
  HEAL_TRY(const auto response,
           context_.ports().http.send(request, context_.clock().deadline_in(kServiceAnswer), context_.stop()));
  if (check.status.empty()) return response.ok();
  return std::find(check.status.begin(), check.status.end(), response.status) != check.status.end();
}

std::string Conductor::why_not(const DrillCheck& check) {
  const auto answer = holds(check);
  if (!answer) return fmt::format("{}: {}", check.str(), answer.error().str());
  return *answer ? "" : fmt::format("{}: does not hold", check.str());
}

std::string Conductor::why_not_steady() {
  for (const DrillCheck& check : drill_.steady) {
    if (auto reason = why_not(check); !reason.empty()) return reason;
  }
  return "";
}

std::string Conductor::why_stop() {
  const SteadyTime now = context_.clock().steady_now();
  if (drill_.stop_if.empty() || now < stop_asked_at_ + drill_.stop_every) return "";
  stop_asked_at_ = now;
  for (const DrillCheck& check : drill_.stop_if) {
    const auto is_true = holds(check);
    if (!is_true) return fmt::format("the stop condition cannot be asked: {}: {}", check.str(), is_true.error().str());
    if (*is_true) return fmt::format("the stop condition is true: {}", check.str());
  }
  return "";
}

// The stages.

Conductor::Next Conductor::check_target_idle(DrillStage& stage) {
  const auto page = list_incidents(context_.service(), {{}, drill_.target.str(), "", std::nullopt, 10});
  if (!page) {
    stage.message = page.error().str();
    report_.exit = context_.fail(page.error());
    return Next::kEnd;
  }
  for (const Incident& incident : page->incidents) {
    if (is_terminal(incident.state)) continue;
    stage.message = fmt::format("{} has an open incident already: {}", drill_.target.str(), told(incident));
    return Next::kEnd;
  }
  return Next::kGoOn;
}

Conductor::Next Conductor::steady() {
  DrillStage stage{"steady", Outcome::kPassed, "", std::nullopt, std::nullopt, {}};
  on_wait_("the steady state", {}, {});
  if (check_target_idle(stage) == Next::kEnd) {
    stage.outcome = Outcome::kFailed;
    return end_stage(std::move(stage));
  }
  const std::string reason = why_not_steady();
  stage.message = reason.empty() ? "every check holds, and no incident is open" : reason;
  if (!reason.empty()) stage.outcome = Outcome::kFailed;
  return end_stage(std::move(stage));
}

Conductor::Next Conductor::inject(bool only_ask) {
  DrillStage stage{"inject", Outcome::kFailed, "", std::nullopt, std::nullopt, {}};
  if (context_.stop().stop_requested()) {
    stage.message = "interrupted";
    return end_stage(std::move(stage));
  }
  if (const std::string reason = why_stop(); !reason.empty()) {
    stage.message = reason;
    return end_stage(std::move(stage));
  }
  Json request{{"target", drill_.target.str()},
               {"fault", drill_.fault},
               {"for", format_duration(drill_.lease)},
               {"by", asker(context_)}};
  if (!drill_.with.empty()) request["with"] = drill_.with;
  if (drill_.ignore_blast_radius) request["ignore_blast_radius"] = true;
  if (drill_.page) request["page"] = true;
  if (in_production_ == InProduction::kReally) request["yes_really"] = true;
  if (only_ask) request["dry_run"] = true;
  const SteadyTime asked = context_.clock().steady_now();
  const WallTime asked_at = context_.clock().now();
  const auto answer = context_.service().post("/faults", request);
  if (only_ask && answer) {
    stage.outcome = Outcome::kPassed;
    stage.message = fmt::format("would be allowed: {} of {}", drill_.fault, drill_.target.str());
    return end_stage(std::move(stage));
  }
  // Without an answer that says no it may have been done.
  was_injected_ = !only_ask && (answer.has_value() || !context_.service().was_answered());
  injected_steady_ = asked;
  injected_at_ = asked_at;
  const auto leases = answer ? leases_in(*answer, "POST /faults") : Result<std::vector<FaultLease>>(answer.error());
  if (!leases || leases->empty()) {
    stage.message = leases ? "POST /faults: an answer without a lease" : leases.error().str();
    report_.exit = leases ? Exit::kUnreachable : context_.fail(leases.error(), Purpose::kChange);
    return end_stage(std::move(stage));
  }
  report_.lease_id = leases->front().id;
  injected_at_ = leases->front().injected_at;
  stage.outcome = Outcome::kPassed;
  stage.at = Duration{};
  stage.message = fmt::format("{} of {}, undone by the service at the latest after {} (lease {})", drill_.fault,
                              drill_.target.str(), format_duration(drill_.lease), report_.lease_id);
  return end_stage(std::move(stage));
}

Conductor::Next Conductor::wait_for(const std::string& name, const std::string& what, Duration limit,
                                    const std::function<Look()>& look) {
  DrillStage stage{name, Outcome::kFailed, "", std::nullopt, limit, {}};
  const SteadyTime deadline = injected_steady_ + limit;
  Clock& clock = context_.clock();
  const SteadyTime begin = clock.steady_now();
  for (;;) {
    const SteadyTime looked = clock.steady_now();
    on_wait_(what, looked - injected_steady_, limit);
    const Look seen = look();
    stage.message = seen.message;
    stage.took = clock.steady_now() - begin;
    if (seen.is_there) {
      if (report_.times.contains(name)) stage.at = report_.times[name];
      const bool is_late = stage.at && *stage.at > limit;
      if (is_late)
        stage.message = fmt::format("came at {}, not within {}: {}", format_duration(*stage.at), format_duration(limit),
                                    seen.message);
      stage.outcome = is_late ? Outcome::kFailed : Outcome::kPassed;
      break;
    }
    if (seen.is_fatal) break;
    if (const std::string reason = why_stop(); !reason.empty()) {
      stage.message = reason;
      break;
    }
    if (looked >= deadline) {
      stage.message = fmt::format("not within {}: {}", format_duration(limit), seen.message);
      break;
    }
    if (wait_for_news(deadline - looked) == Clock::Wake::kStopped) {
      stage.message = "interrupted";
      break;
    }
  }
  return end_stage(std::move(stage));
}

Clock::Wake Conductor::wait_for_news(Duration left) {
  Duration patience = std::min(kListen, left);
  if (!drill_.stop_if.empty()) patience = std::min(patience, drill_.stop_every);
  const SteadyTime begin = context_.clock().steady_now();
  bool has_news = false;
  const auto followed = follow_events(context_, last_event_, patience, [&](const TimelineEntry&) {
    has_news = true;
    return StreamNext::kEnd;
  });
  if (context_.stop().stop_requested()) return Clock::Wake::kStopped;
  if (has_news || (followed && context_.clock().steady_now() - begin >= patience)) return Clock::Wake::kReached;
  return context_.clock().sleep_for(std::min(kPoll, left), context_.stop());  // a service that cannot be followed
}

/// Asks until the lease says so; true when it is undone and looked at.
Result<bool> Conductor::is_undone(ServiceClient& service) {
  HEAL_TRY(const Json answer, service.get("/faults"));
  HEAL_TRY(const auto leases, leases_in(answer, "GET /faults"));
  const auto is_left = [&](const FaultLease& lease) {
    const bool is_it = report_.lease_id.empty() ? lease.target == drill_.target : lease.id == report_.lease_id;
    return is_it && lease.state != FaultLease::State::kReverted;
  };
  return std::none_of(leases.begin(), leases.end(), is_left);
}

void Conductor::revert() {
  DrillStage stage{"revert", Outcome::kFailed, "", std::nullopt, kUndoPatience, {}};
  // Ctrl-C must not keep the fault from being undone: these requests do not know of it.
  ServiceClient service(context_.ports().http, context_.clock(), context_.settings(), std::stop_token());
  Clock& clock = context_.clock();
  const SteadyTime begin = clock.steady_now();
  const Json request = report_.lease_id.empty() ? Json{{"target", drill_.target.str()}, {"by", asker(context_)}}
                                                : Json{{"id", report_.lease_id}, {"by", asker(context_)}};
  // Whose answer was lost may still be on its way to the service: then one look is not enough.
  const int looks = report_.lease_id.empty() ? 4 : 1;
  for (int clean = 0; stage.outcome == Outcome::kFailed;) {
    on_wait_("the fault to be undone", clock.steady_now() - begin, kUndoPatience);
    const auto sent = service.post("/faults/revert", request);
    const auto done = is_undone(service);
    clean = done && *done ? clean + 1 : 0;
    if (clean == looks) {
      stage.outcome = Outcome::kPassed;
      stage.message = "the fault is undone, and that was verified";
    } else {
      stage.message = !done ? done.error().str() : !sent ? sent.error().str() : "it is not undone yet";
      if (clock.steady_now() - begin >= kUndoPatience) break;
      clock.sleep_for(kPoll, std::stop_token());
    }
  }
  stage.took = clock.steady_now() - begin;
  if (stage.outcome == Outcome::kFailed)
    stage.message +=
        fmt::format("; the service goes on, at the latest when the lease ends after {}", format_duration(drill_.lease));
  end_stage(std::move(stage));
}

void Conductor::steady_again() {
  DrillStage stage{"steady again", Outcome::kFailed, "", std::nullopt, drill_.steady_within, {}};
  Clock& clock = context_.clock();
  const SteadyTime begin = clock.steady_now();
  if (context_.stop().stop_requested()) {
    stage.message = "interrupted";
    end_stage(std::move(stage));
    return;
  }
  for (;;) {
    on_wait_("the steady state", clock.steady_now() - begin, drill_.steady_within);
    stage.message = why_not_steady();
    stage.took = clock.steady_now() - begin;
    if (stage.message.empty()) {
      stage.outcome = Outcome::kPassed;
      stage.message = "every check holds";
      break;
    }
    if (clock.steady_now() - begin >= drill_.steady_within) {
      if (report_.exit == Exit::kDone) report_.exit = Exit::kPersists;
      break;
    }
    if (clock.sleep_for(kPoll, context_.stop()) == Clock::Wake::kStopped) {
      stage.message = "interrupted";
      break;
    }
  }
  end_stage(std::move(stage));
}

}  // namespace heal::ctl
