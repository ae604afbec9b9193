#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/truncation.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

// What people do with an incident: approve, reject, cancel, retry.

namespace heal::remedy {
namespace {

using Verb = OperatorRequest::Verb;

Error wrong_state(const Incident& incident, std::string_view what) {
  return make_error(ErrorCode::kConflict, "incident {} is {} ({}): {}", incident.id, to_string(incident.state),
                    incident.reason, what);
}

std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : fmt::format("{}: {}", text, printable(reason, 300));
}

/// Playbook and params as the incident began with them.
struct Origin {
  std::string playbook;
  std::map<std::string, std::string, std::less<>> params;
};

Origin origin_of(const Incident& incident, const std::vector<TimelineEntry>& timeline) {
  Origin out{incident.playbook, {}};
  for (const auto& entry : timeline) {
    if (entry.kind != "matched" && entry.kind != "received") continue;
    const auto data = parse_json(entry.data);
    if (!data.has_value()) continue;
    const auto playbook = get_optional_string(*data, "playbook");
    if (!playbook.has_value() || !*playbook || (*playbook)->empty()) continue;
    out.playbook = **playbook;
    if (auto params = get_optional_labels(*data, "params"); params.has_value())
      out.params = {params->begin(), params->end()};
    return out;
  }
  return out;
}

bool may_be_retried(IncidentState state) {
  return state == IncidentState::kFailed || state == IncidentState::kInterrupted ||
         state == IncidentState::kSuppressed || state == IncidentState::kCancelled ||
         state == IncidentState::kEscalated || state == IncidentState::kClosed;
}

}  // namespace

void Coordinator::operate(OperatorRequest request, std::function<void(Result<Incident>)> done) {
  if (!is_accepting_.load()) return done(make_error(ErrorCode::kUnavailable, "the service is stopping"));
  auto out = std::make_shared<Incident>();
  Message message;
  message.apply = [this, out, request = std::move(request)]() -> Status {
    HEAL_TRY(*out, apply_operation(request));
    return {};
  };
  const auto shared = std::make_shared<std::function<void(Result<Incident>)>>(std::move(done));
  message.done = [out, shared](const Status& status) {
    if (!status.has_value()) return (*shared)(status.error());
    (*shared)(std::move(*out));
  };
  if (!inbox_.try_push(std::move(message)))
    (*shared)(make_error(ErrorCode::kUnavailable, "too many requests are waiting"));
}

Result<Incident> Coordinator::apply_operation(const OperatorRequest& request) {
  const std::string& id = request.incident_id;
  if (request.verb == Verb::kRetry) return retry(request);
  const OpenIncident* open = ledger_.find(id);
  if (open == nullptr || is_terminal(open->incident.state)) {
    HEAL_TRY(const auto over, ledger_.incident(id));
    if (!over) return make_error(ErrorCode::kNotFound, "there is no incident {}", printable(id, 40));
    return wrong_state(*over, "it is over");
  }
  switch (request.verb) {
    case Verb::kApprove:
      HEAL_TRY_STATUS(approve(request, *open));
      break;
    case Verb::kReject:
      if (open->incident.state != IncidentState::kAwaitingApproval)
        return wrong_state(open->incident, "nobody is asked to approve it");
      ledger_.move(id, IncidentEvent::kRefuse, words::kRejectedByPerson,
                   with_reason(fmt::format("{} rejected it", request.by), request.reason));
      break;
    default:
      HEAL_TRY_STATUS(cancel(request, *open));
      break;
  }
  const Incident& now = ledger_.find(id)->incident;
  if (is_terminal(now.state)) ledger_.effect([this, now] { tell_decided(now.id, now); });
  return now;
}

Status Coordinator::approve(const OperatorRequest& request, const OpenIncident& open) {
  const std::string& id = open.incident.id;
  const auto& asked = open.progress.approval;
  if (open.incident.state != IncidentState::kAwaitingApproval || !asked)
    return wrong_state(open.incident, "nobody is asked to approve it");
  if (tools_.clock.now() >= asked->expires_at)
    return wrong_state(open.incident, "the time for approving it has passed");
  if (request.plan_hash != asked->plan_hash)
    return make_error(ErrorCode::kConflict, "incident {} waits for the approval of plan {}, not of {}", id,
                      asked->plan_hash, printable(request.plan_hash, 80));
  if (std::find(asked->by.begin(), asked->by.end(), request.by) != asked->by.end()) return {};
  Approval& approval = *ledger_.edit(id).progress.approval;
  approval.by.push_back(request.by);
  ledger_.append(id, "approved",
                 with_reason(fmt::format("{} approved it ({} of {})", request.by, approval.by.size(), approval.needed),
                             request.reason),
                 {{"by", request.by}, {"plan_hash", approval.plan_hash}, {"reason", request.reason}});
  if (!approval.is_given()) return {};
  // The guards are asked again: what was true when it was planned need not be true now.
  ledger_.edit(id).progress.wake_at.reset();
  ledger_.effect([this, id] { investigate(id); });
  return {};
}

void Coordinator::await_approval(const std::string& incident_id) {
  const OpenIncident& open = *ledger_.find(incident_id);
  const auto& asked = open.progress.approval;
  if (asked && tools_.clock.now() < asked->expires_at) {
    if (asked->is_given()) investigate(incident_id);
    return;
  }
  const auto& ladder = open.progress.ladder;
  // The guards say no to it themselves, unless they have another reason by now, and the next rung's turn comes.
  if (ladder && ladder->next > 0) return investigate(incident_id);
  ledger_.move(incident_id, IncidentEvent::kRefuse, "approval_expired", "nobody approved it in time");
}

Status Coordinator::cancel(const OperatorRequest& request, const OpenIncident& open) {
  const std::string id = open.incident.id;
  const std::string message = with_reason(fmt::format("{} cancelled it", request.by), request.reason);
  const IncidentState state = open.incident.state;
  if (state != IncidentState::kExecuting && state != IncidentState::kVerifying) {
    ledger_.move(id, IncidentEvent::kCancel, "cancelled", message);
    return {};
  }
  if (open.progress.undoing) return wrong_state(open.incident, "what it did is being undone already");
  if (open.progress.called_off) return {};
  ledger_.edit(id).progress.called_off = CallOff{"cancelled", message};
  ledger_.append(id, "called_off", message + "; it ends at the next safe point", {{"by", request.by}});
  ledger_.effect([this, id] { called_off_[id].request_stop(); });
  return {};
}

namespace {

/// A person's heal that is tried again has no evidence but the wish.
Episode wish_of(const Incident& old, const Origin& origin, const std::string& id, WallTime now) {
  Episode wish;
  wish.key = "manual:" + id;
  wish.source = words::kManual;
  wish.name = old.name;
  wish.labels = {{"playbook", origin.playbook}, {"target", old.target->str()}};
  wish.starts_at = wish.received_at = now;
  return wish;
}

/// What another attempt begins as.
Incident next_of(const Incident& old, const Origin& origin, const std::string& id, const std::string& by,
                 WallTime now) {
  const bool is_manual = !old.requested_by.empty();
  Incident fresh;
  fresh.id = id;
  fresh.target = old.target;
  fresh.name = old.name;
  fresh.type = old.type;
  fresh.playbook = origin.playbook;
  fresh.reason = "accepted";
  fresh.message = fmt::format("another attempt at incident {}; nothing decided yet", old.id);
  fresh.requested_by = is_manual ? by : "";
  fresh.times.failed_at = old.times.failed_at;
  fresh.drill = old.drill;
  fresh.times.detected_at = is_manual ? now : old.times.detected_at;
  return fresh;
}

}  // namespace

Result<Incident> Coordinator::retry(const OperatorRequest& request) {
  HEAL_TRY(const auto old, ledger_.incident(request.incident_id));
  if (!old) return make_error(ErrorCode::kNotFound, "there is no incident {}", printable(request.incident_id, 40));
  if (!may_be_retried(old->state) || !old->target)
    return wrong_state(
        *old, "only one that failed, was escalated, interrupted, suppressed, cancelled or closed is tried again");
  HEAL_TRY_STATUS(admit());
  const std::string target = old->target->str();
  if (const OpenIncident* open = ledger_.open_on(target); open != nullptr && open->incident.id != old->id)
    return make_error(ErrorCode::kConflict, "{} has an open incident already: {}", target, open->incident.id);
  HEAL_TRY(const auto timeline, store_.timeline(old->id));
  HEAL_TRY(auto episodes, store_.episodes_of(old->id));
  std::erase_if(episodes, [&](const Episode& episode) { return episode.resolved_at.has_value(); });
  if (episodes.empty() && (old->requested_by.empty() || old->state == IncidentState::kClosed))
    return wrong_state(*old, "its alerts have resolved; \"healctl heal\" runs a playbook by hand");
  const Origin origin = origin_of(*old, timeline);
  const std::vector<std::string> groups = truncated_groups_of(ledger_, old->id, timeline);
  const std::string id = ledger_.new_id();
  if (episodes.empty()) episodes.push_back(wish_of(*old, origin, id, tools_.clock.now()));
  Incident fresh = next_of(*old, origin, id, request.by, tools_.clock.now());
  for (const Episode& episode : episodes)
    fresh.add_episode(episode.key);
  ledger_.append(
      id, "received",
      with_reason(fmt::format("{} asked for another attempt at incident {}", request.by, old->id), request.reason),
      {{"by", request.by},
       {"retry_of", old->id},
       {"playbook", origin.playbook},
       {"target", target},
       {"params", origin.params}});
  if (!is_terminal(old->state))
    ledger_.move(old->id, IncidentEvent::kClose, "retried", fmt::format("{} asked for another attempt", request.by));
  ledger_.append(old->id, "retried", fmt::format("{} asked for another attempt: incident {}", request.by, id),
                 {{"by", request.by}, {"incident", id}});
  const Incident out = fresh;
  ledger_.begin(std::move(fresh));
  ledger_.edit(id).progress.params = origin.params;
  // A person's own heal is not held by what was left out; another attempt at an alert's incident is asked as that was.
  if (old->requested_by.empty()) join_truncated_groups(ledger_, {id}, groups);
  for (Episode& episode : episodes) {
    const Episode before = episode;
    episode.incident_id = id;
    ledger_.put_episode(std::move(episode), &before);
  }
  ledger_.effect([this, id] { investigate(id); });
  return out;
}

}  // namespace heal::remedy
