#include "healctl/drill/conductor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/rehearsal/observe.h"
#include "common/remedy/sample_age.h"
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
/// How long a fault whose answer was lost is looked for: the service may look and probe before it has a lease.
constexpr Duration kLostPatience = 30s;

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
  const bool has_passed = stage.outcome == Outcome::kPassed;
  if (!has_passed && report_.exit == Exit::kDone) {
    const Exit exit = stage.outcome == Outcome::kUnknown ? Exit::kUnreachable : Exit::kFailed;
    report_.exit = context_.stop().stop_requested() ? Exit::kInterrupted : exit;
  }
  on_stage_(stage);
  report_.stages.push_back(std::move(stage));
  return has_passed ? Next::kGoOn : Next::kEnd;
}

DrillStage::Outcome Conductor::Look::outcome() const {
  if (is == Is::kUnknown) return Outcome::kUnknown;
  return is == Is::kThere ? Outcome::kPassed : Outcome::kFailed;
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

/// Prometheus tells of what was sampled before, for minutes: it shows that all was well, not that it is well again. How
/// far a query looks back is counted from where Prometheus is: its clock has dated the samples.
Conductor::Look Conductor::look_at_age(const DrillCheck& check) {
  const auto ask = [this](const std::string& expression) { return query(expression); };
  const auto now = query("time()");
  if (!now || now->empty()) {
    return {Is::kUnknown, fmt::format("{}: {}", check.str(), now ? "Prometheus has no time" : now.error().str())};
  }
  const remedy::SampleAge age = remedy::age_of_samples(check.address, undone_at_.value_or(WallTime{}), "the undo",
                                                       WallTime(from_seconds(now->front().value)), ask);
  if (!age.stale.empty()) {
    const std::string_view why_now = undone_at_ ? "" : ": it could not be seen to hold again after the fault";
    return {Is::kUnknown, fmt::format("{}: {}{}", check.str(), age.stale, why_now)};
  }
  if (!undone_at_) return {Is::kThere, ""};
  return {Is::kThere, fmt::format("{} by what was sampled {} after the undo, at {}", check.str(),
                                  format_duration_short(*age.oldest - *undone_at_), format_rfc3339(*age.oldest))};
}

Conductor::Look Conductor::look_at(const DrillCheck& check) {
  const Look does_not_hold{Is::kNotYet, fmt::format("{}: does not hold", check.str())};
  Look holds{Is::kThere, ""};
  if (check.kind == DrillCheck::Kind::kPromql) {
    // The times first: the values asked for afterwards can only be newer.
    holds = look_at_age(check);
    if (holds.is != Is::kThere) return holds;
    const auto samples = query(check.address);
    if (!samples) return {Is::kUnknown, fmt::format("{}: {}", check.str(), samples.error().str())};
    const auto fits = [&](const PromSample& sample) { return check.fits(sample.value); };
    return !samples->empty() && std::all_of(samples->begin(), samples->end(), fits) ? holds : does_not_hold;
  }
  HttpClientRequest request;
  request.url = check.address;
  request.ca_file = context_.settings().ca_file;
  request.too_long = HttpClientRequest::TooLong::kCut;
  const auto response =
      context_.ports().http.send(request, context_.clock().deadline_in(kServiceAnswer), context_.stop());
  // Who is asked here is the service itself: when it does not answer, that is what was to be found out.
  if (!response) return {Is::kNotYet, fmt::format("{}: {}", check.str(), response.error().str())};
  const bool is_expected = check.status.empty() ? response->ok()
                                                : std::find(check.status.begin(), check.status.end(),
                                                            response->status) != check.status.end();
  return is_expected ? holds : does_not_hold;
}

Conductor::Look Conductor::look_at_steady() {
  std::string message = "every check holds";
  for (const DrillCheck& check : drill_.steady) {
    const Look look = look_at(check);
    if (look.is != Is::kThere) return look;
    if (!look.message.empty()) message += "; " + look.message;
  }
  return {Is::kThere, message};
}

Conductor::Look Conductor::look_for_stop() {
  const SteadyTime now = context_.clock().steady_now();
  if (drill_.stop_if.empty() || now < stop_asked_at_ + drill_.stop_every) return {};
  stop_asked_at_ = now;
  const auto cannot_ask = [](const DrillCheck& check, const std::string& why) -> Look {
    return {Is::kUnknown, fmt::format("the stop condition cannot be asked: {}: {}", check.str(), why)};
  };
  const auto is_nan = [](const PromSample& sample) { return std::isnan(sample.value); };
  for (const DrillCheck& check : drill_.stop_if) {
    const auto samples = query(check.address);
    if (!samples) return cannot_ask(check, samples.error().str());
    const auto fits = [&](const PromSample& sample) { return check.fits(sample.value); };
    if (std::any_of(samples->begin(), samples->end(), fits))
      return {Is::kNever, fmt::format("the stop condition is true: {}", check.str())};
    if (std::any_of(samples->begin(), samples->end(), is_nan)) return cannot_ask(check, "a value is NaN");
  }
  return {};
}

// The stages.

Conductor::Next Conductor::look_at_open(DrillStage& stage) {
  const auto page = list_incidents(context_.service(), {open_state_names(), "", "", std::nullopt, kMostIncidents});
  if (!page) {
    stage.outcome = Outcome::kUnknown;
    stage.message = page.error().str();
    report_.exit = context_.fail(page.error());
    return Next::kEnd;
  }
  for (const Incident& incident : page->incidents) {
    if (!incident.target || *incident.target != drill_.target) {
      open_before_.push_back(incident.id);
      continue;
    }
    stage.message = fmt::format("{} has an open incident already: {}", drill_.target.str(), told(incident));
    return Next::kEnd;
  }
  if (!page->has_more) return Next::kGoOn;
  stage.message = fmt::format("more than {} incidents are open", kMostIncidents);
  return Next::kEnd;
}

Conductor::Next Conductor::steady() {
  DrillStage stage{"steady", Outcome::kFailed, "", std::nullopt, std::nullopt, {}};
  on_wait_("the steady state", {}, {});
  if (look_at_open(stage) == Next::kEnd) return end_stage(std::move(stage));
  const Look look = look_at_steady();
  stage.outcome = look.outcome();
  stage.message = look.message;
  if (look.is == Is::kThere) stage.message += ", and the target has no open incident";
  return end_stage(std::move(stage));
}

Json Conductor::injection() const {
  Json request{{"target", drill_.target.str()},
               {"fault", drill_.fault},
               {"for", format_duration(drill_.lease)},
               {"by", asker(context_)}};
  if (!drill_.with.empty()) request["with"] = drill_.with;
  if (drill_.ignore_blast_radius) request["ignore_blast_radius"] = true;
  if (drill_.page) request["page"] = true;
  if (in_production_ == InProduction::kReally) request["yes_really"] = true;
  return request;
}

/// What is there before is not ours, should our answer be lost.
Conductor::Next Conductor::note_leases(DrillStage& stage) {
  const auto answer = context_.service().get("/faults");
  const auto leases = answer ? leases_in(*answer, "GET /faults") : Result<std::vector<FaultLease>>(answer.error());
  if (!leases) {
    stage.outcome = Outcome::kUnknown;
    stage.message = leases.error().str();
    report_.exit = context_.fail(leases.error());
    return Next::kEnd;
  }
  for (const FaultLease& lease : *leases)
    leases_before_.insert(lease.id);
  return Next::kGoOn;
}

Conductor::Next Conductor::inject(bool only_ask) {
  DrillStage stage{"inject", Outcome::kFailed, "", std::nullopt, std::nullopt, {}};
  if (context_.stop().stop_requested()) {
    stage.message = "interrupted";
    return end_stage(std::move(stage));
  }
  if (const Look stop = look_for_stop(); stop.is != Is::kNotYet) {
    stage.outcome = stop.outcome();
    stage.message = stop.message;
    return end_stage(std::move(stage));
  }
  if (!only_ask && note_leases(stage) == Next::kEnd) return end_stage(std::move(stage));
  Json request = injection();
  if (only_ask) request["dry_run"] = true;
  const auto answer = context_.service().post("/faults", request);
  if (only_ask && answer) {
    stage.outcome = Outcome::kPassed;
    stage.message = fmt::format("would be allowed: {} of {}", drill_.fault, drill_.target.str());
    return end_stage(std::move(stage));
  }
  // Without an answer that says no it may have been done.
  was_injected_ = !only_ask && (answer.has_value() || !context_.service().was_answered());
  // The fault began some time before, after the service had looked and probed. Whoever waits from here on gives nothing
  // up early; what is there too late is found so by the service's own times.
  injected_steady_ = context_.clock().steady_now();
  const auto leases = answer ? leases_in(*answer, "POST /faults") : Result<std::vector<FaultLease>>(answer.error());
  if (!leases || leases->empty()) {
    stage.outcome = context_.service().was_answered() ? Outcome::kFailed : Outcome::kUnknown;
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
    stage.outcome = seen.outcome();
    if (seen.is == Is::kThere) {
      if (report_.times.contains(name)) stage.at = report_.times[name];
      const bool is_late = stage.at && *stage.at > limit;
      if (is_late)
        stage.message = fmt::format("came at {}, not within {}: {}", format_duration(*stage.at), format_duration(limit),
                                    seen.message);
      if (is_late) stage.outcome = Outcome::kFailed;
      break;
    }
    if (seen.is == Is::kNever) break;
    if (const Look stop = look_for_stop(); stop.is != Is::kNotYet) {
      stage.outcome = stop.outcome();
      stage.message = stop.message;
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

/// Whether the fault is undone, and that was looked at.
Conductor::Look Conductor::look_at_lease(ServiceClient& service) {
  const auto later =
      fmt::format("; the service goes on, at the latest when the lease ends after {}", format_duration(drill_.lease));
  const auto answer = service.get("/faults");
  const auto leases = answer ? leases_in(*answer, "GET /faults") : Result<std::vector<FaultLease>>(answer.error());
  if (!leases) return {Is::kUnknown, leases.error().str() + later};
  const auto ours = std::find_if(leases->begin(), leases->end(),
                                 [&](const FaultLease& lease) { return lease.id == report_.lease_id; });
  // The newest hundred that were undone are in the list: what is not was forgotten, and nobody looked whether it is
  // gone.
  if (ours == leases->end())
    return {Is::kNotYet, fmt::format("the service knows lease {} no more: whether the fault is undone cannot be told",
                                     report_.lease_id)};
  if (ours->state != FaultLease::State::kReverted) return {Is::kNotYet, "it is not undone yet" + later};
  undone_at_ = ours->reverted_at.value_or(context_.clock().now());
  return {Is::kThere, "the fault is undone, and that was verified"};
}

/// By nothing that hangs on two clocks. Where users log in, the service puts what we call ourselves in brackets.
bool Conductor::may_be_ours(const FaultLease& lease) const {
  const std::string by = printable(asker(context_));
  const bool is_by_us = lease.owner == by || lease.owner.ends_with(fmt::format(" ({})", by));
  const bool is_as_asked_for =
      lease.target == drill_.target && lease.kind == drill_.fault && lease.deadline - lease.injected_at == drill_.lease;
  return is_by_us && is_as_asked_for && !leases_before_.contains(lease.id);
}

Conductor::Look Conductor::look_for_lease(ServiceClient& service) {
  const auto answer = service.get("/faults");
  const auto leases = answer ? leases_in(*answer, "GET /faults") : Result<std::vector<FaultLease>>(answer.error());
  if (!leases) return Look::unknown(leases.error());
  // The newest is the last one.
  for (const FaultLease& lease : *leases)
    if (may_be_ours(lease)) report_.lease_id = lease.id;
  if (!report_.lease_id.empty()) return {Is::kThere, ""};
  return {Is::kNotYet, fmt::format("no fault of this drill is known to the service; should it begin one yet, that "
                                   "ends after {} at the latest",
                                   format_duration(drill_.lease))};
}

Conductor::Look Conductor::wait_for_lease(ServiceClient& service) {
  Clock& clock = context_.clock();
  const SteadyTime begin = clock.steady_now();
  for (;;) {
    const Duration since = clock.steady_now() - begin;
    on_wait_("a fault whose answer was lost", since, kLostPatience);
    Look look = look_for_lease(service);
    if (look.is == Is::kThere || since >= (look.is == Is::kUnknown ? kUndoPatience : kLostPatience)) return look;
    clock.sleep_for(kPoll, std::stop_token());
  }
}

Conductor::Look Conductor::wait_for_undo(ServiceClient& service) {
  Clock& clock = context_.clock();
  const SteadyTime begin = clock.steady_now();
  const Json request{{"id", report_.lease_id}, {"by", asker(context_)}};
  for (;;) {
    on_wait_("the fault to be undone", clock.steady_now() - begin, kUndoPatience);
    const auto sent = service.post("/faults/revert", request);
    Look look = look_at_lease(service);
    if (look.is == Is::kNotYet && !sent) look.message += fmt::format(" ({})", sent.error().str());
    if (look.is == Is::kThere || clock.steady_now() - begin >= kUndoPatience) return look;
    clock.sleep_for(kPoll, std::stop_token());
  }
}

void Conductor::revert() {
  DrillStage stage{"revert", Outcome::kUnknown, "", std::nullopt, kUndoPatience, {}};
  // Ctrl-C must not keep the fault from being undone: these requests do not know of it.
  ServiceClient service(context_.ports().http, context_.clock(), context_.settings(), std::stop_token());
  const SteadyTime begin = context_.clock().steady_now();
  // What is on the target without being ours is somebody else's: they would lose it.
  const Look found = report_.lease_id.empty() ? wait_for_lease(service) : Look{Is::kThere, ""};
  stage.message = found.message;
  if (found.is == Is::kThere) {
    const Look look = wait_for_undo(service);
    stage.outcome = look.outcome();
    stage.message = look.message;
  }
  if (!undone_at_) undone_at_ = context_.clock().now();  // what is sampled from now on counts, whatever is left of it
  stage.took = context_.clock().steady_now() - begin;
  end_stage(std::move(stage));
}

void Conductor::steady_again() {
  DrillStage stage{"steady again", Outcome::kFailed, "", std::nullopt, drill_.steady_within, {}};
  Clock& clock = context_.clock();
  const SteadyTime begin = clock.steady_now();
  for (;;) {
    if (context_.stop().stop_requested()) {
      stage.outcome = Outcome::kFailed;
      stage.message = "interrupted";
      break;
    }
    on_wait_("the steady state", clock.steady_now() - begin, drill_.steady_within);
    const Look look = look_at_steady();
    stage.outcome = look.outcome();
    stage.message = look.message;
    stage.took = clock.steady_now() - begin;
    if (look.is == Is::kThere) break;
    if (stage.took >= drill_.steady_within) {
      if (look.is == Is::kNotYet && report_.exit == Exit::kDone) report_.exit = Exit::kPersists;
      break;
    }
    clock.sleep_for(kPoll, context_.stop());
  }
  end_stage(std::move(stage));
}

}  // namespace heal::ctl
