#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

// Heals that a person asks for.

namespace heal::remedy {
namespace {

SourceEvent manual_event(const HealRequest& request, const std::string& token, WallTime now) {
  SourceEvent event;
  event.source = words::kManual;
  event.key = "manual:" + token;
  event.name = "manual heal";
  event.labels = {{"playbook", request.playbook}, {"target", request.target.str()}};
  event.starts_at = now;
  event.target = request.target;
  event.playbook = request.playbook;
  event.params = request.params;
  event.requested_by = request.by;
  event.facts.type = words::kManualType;
  return event;
}

Episode rehearsed_episode(const HealRequest& request, WallTime now) {
  SourceEvent event = manual_event(request, "asked", now);
  Episode episode;
  episode.key = std::move(event.key);
  episode.source = std::move(event.source);
  episode.name = std::move(event.name);
  episode.labels = std::move(event.labels);
  episode.starts_at = now;
  episode.received_at = now;
  return episode;
}

HealAnswer answer_of(const Incident& incident) {
  HealAnswer answer;
  answer.kind = is_terminal(incident.state) ? HealAnswer::Kind::kRefused : HealAnswer::Kind::kStarted;
  answer.incident = incident;
  answer.reason = incident.reason;
  answer.message = incident.message;
  return answer;
}

Error given_up() {
  return make_error(ErrorCode::kUnavailable, "the service is stopping, or has no means to look into it");
}

bool may_be_replaced(IncidentState state) {
  return state == IncidentState::kHeld || state == IncidentState::kRecovered;
}

Error too_many() {
  return make_error(ErrorCode::kUnavailable, "too many people ask at the same time; ask again");
}

/// The question as it is before there is an incident.
Case case_of_request(const HealRequest& request, WallTime now) {
  Case subject;
  subject.origin = rehearsed_episode(request, now);
  subject.episodes = {subject.origin};
  subject.incident.target = request.target;
  subject.incident.playbook = request.playbook;
  subject.incident.requested_by = request.by;
  subject.incident.times.detected_at = now;
  subject.progress.params = request.params;
  return subject;
}

}  // namespace

void Coordinator::heal(HealRequest request, std::function<void(Result<HealAnswer>)> done) {
  if (!is_accepting_.load()) return done(make_error(ErrorCode::kUnavailable, "the service is stopping"));
  if (request.dry_run == HealRequest::Rehearse::kYes) return rehearse(request, std::move(done));
  if (const Status admitted = admit(); !admitted.has_value()) return done(admitted.error());
  // Called once: by the message when it fails, else when the incident is decided.
  auto shared = std::make_shared<std::function<void(Result<HealAnswer>)>>(std::move(done));
  Message message;
  message.apply = [this, shared, request = std::move(request)] { return begin_heal(request, shared); };
  message.done = [shared](const Status& status) {
    if (!status.has_value()) (*shared)(status.error());
  };
  if (!inbox_.try_push(std::move(message)))
    (*shared)(make_error(ErrorCode::kUnavailable, "too many requests are waiting"));
}

Status Coordinator::begin_heal(const HealRequest& request, const std::shared_ptr<HealDone>& done) {
  const auto world = world_.get();
  if (world->bundle.find_playbook(request.playbook) == nullptr)
    return make_error(ErrorCode::kNotFound, "there is no playbook \"{}\"", request.playbook);
  const std::string target = request.target.str();
  const OpenIncident* open = ledger_.open_on(target);
  if (open != nullptr && may_be_replaced(open->incident.state)) {
    replace_if_allowed(request, done);
    return {};
  }
  if (open != nullptr) {
    return make_error(ErrorCode::kConflict, "{} has an open incident already: {} ({})", target, open->incident.id,
                      to_string(open->incident.state));
  }
  const std::string id = accept_heal(request, *this);
  // Runs before the investigation can answer: that one reports to this thread.
  ledger_.effect([this, id, done] { waiting_[id] = *done; });
  return {};
}

std::string Coordinator::accept_heal(const HealRequest& request, Jobs& jobs) {
  const WallTime now = tools_.clock.now();
  return take_request(ledger_, jobs, *world_.get(), manual_event(request, ledger_.new_id(), now), now);
}

std::shared_ptr<void> Coordinator::take_seat(const Seats& taken) {
  if (taken->fetch_add(1) >= kSeats) {
    taken->fetch_sub(1);
    return nullptr;
  }
  return {taken.get(), [taken](void*) { taken->fetch_sub(1); }};
}

/// The open incident gives way only to a heal that may act; one that is refused changes nothing of it.
void Coordinator::replace_if_allowed(const HealRequest& request, const std::shared_ptr<HealDone>& done) {
  ledger_.effect([this, request, done] {
    auto seat = take_seat(heal_seats_);
    if (seat == nullptr) return (*done)(too_many());
    workers_.submit(
        [this, seat = std::move(seat), request, done, subject = case_of_request(request, tools_.clock.now()),
         world = world_.get()](std::stop_token stop) mutable {
          const auto dossier =
              std::make_shared<const Dossier>(remedy::investigate(subject, world, tools_, store_, stop));
          HealAnswer answer;
          const Status status = post_and_wait([&] { return replace_or_refuse(request, subject, dossier, answer); });
          seat.reset();  // who is answered may ask again at once
          if (!status.has_value()) return (*done)(status.error());
          (*done)(std::move(answer));
        },
        [done] { (*done)(given_up()); });
  });
}

Status Coordinator::replace_or_refuse(const HealRequest& request, const Case& subject,
                                      const std::shared_ptr<const Dossier>& dossier, HealAnswer& answer) {
  const OpenIncident* open = ledger_.open_on(request.target.str());
  if (open != nullptr && !may_be_replaced(open->incident.state))
    return make_error(ErrorCode::kConflict, "incident {} is {} by now", open->incident.id,
                      to_string(open->incident.state));
  const auto refuse = [&](const std::string& reason, const std::string& message) -> Status {
    answer.kind = HealAnswer::Kind::kRefused;
    answer.reason = reason;
    answer.message = message;
    if (open == nullptr) return {};
    answer.incident = open->incident;
    ledger_.append(open->incident.id, "refused",
                   fmt::format("{} asked for playbook {}: {}", request.by, request.playbook, printable(message, 400)),
                   {{"by", request.by}, {"playbook", request.playbook}, {"reason", reason}});
    return {};
  };
  if (dossier->obstacle) return refuse(dossier->obstacle->reason, dossier->obstacle->message);
  const Verdict verdict = decide(ledger_, subject, *dossier).decisive;
  if (verdict.kind != Verdict::Kind::kAllow) return refuse(verdict.reason, verdict.message);
  if (open != nullptr) {
    const bool was_healed = open->incident.state == IncidentState::kRecovered;
    ledger_.move(open->incident.id, was_healed ? IncidentEvent::kClose : IncidentEvent::kCancel, "replaced",
                 fmt::format("{} asked for another heal", request.by));
  }
  const std::string id = accept_heal(request, investigated_already_);
  HEAL_TRY(const Case accepted, case_of(ledger_, *ledger_.find(id)));
  apply_dossier(ledger_, *this, id, dossier, accepted);
  answer = answer_of(ledger_.find(id)->incident);
  return {};
}

void Coordinator::tell_decided(const std::string& incident_id, const Incident& incident) {
  auto it = waiting_.find(incident_id);
  if (it == waiting_.end()) return;
  const HealDone done = std::move(it->second);
  waiting_.erase(it);
  done(answer_of(incident));
}

void Coordinator::rehearse(const HealRequest& request, HealDone done) {
  auto seat = take_seat(rehearsal_seats_);
  if (seat == nullptr) return done(too_many());
  Case subject = case_of_request(request, tools_.clock.now());
  const auto shared = std::make_shared<HealDone>(std::move(done));
  workers_.submit(
      [this, seat = std::move(seat), shared, subject = std::move(subject),
       world = world_.get()](std::stop_token stop) mutable {
        const Dossier dossier = remedy::investigate(subject, world, tools_, store_, stop);
        HealAnswer answer;
        const Status status = post_and_wait([&] { return answer_rehearsal(subject, dossier, answer); });
        seat.reset();
        if (!status.has_value()) return (*shared)(status.error());
        (*shared)(std::move(answer));
      },
      [shared] { (*shared)(given_up()); });
}

Status Coordinator::answer_rehearsal(const Case& subject, const Dossier& dossier, HealAnswer& answer) {
  answer.kind = HealAnswer::Kind::kRehearsed;
  if (dossier.obstacle) {
    answer.reason = dossier.obstacle->reason;
    answer.message = dossier.obstacle->message;
    answer.decision = dump({{"result", words::kRefuse},
                            {"guard", dossier.obstacle->stage},
                            {"reason", dossier.obstacle->reason},
                            {"message", dossier.obstacle->message}});
    return {};
  }
  Decision decision = decide(ledger_, subject, dossier);
  if (const OpenIncident* open = ledger_.open_on(subject.incident.target->str());
      open != nullptr && !may_be_replaced(open->incident.state)) {
    decision.decisive.kind = Verdict::Kind::kRefuse;
    decision.decisive.guard = words::kLockGuard;
    decision.decisive.reason = "open_incident";
    decision.decisive.message = fmt::format("the target has an open incident already: {}", open->incident.id);
  }
  answer.reason = decision.decisive.reason;
  answer.message = decision.decisive.message;
  answer.decision = dump(to_json(decision, dossier));
  answer.plan = dossier.plan->canonical;
  answer.explained = playbook::explain(*dossier.plan);
  return {};
}

}  // namespace heal::remedy
