#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/rehearsal/observe.h"
#include "common/remedy/incident_states.h"
#include "common/wire/json.h"
#include "healctl/drill/conductor.h"

/// What a drill expects of the service once the fault is there: alert, decision, heal, resolved, untouched.
namespace heal::ctl {
namespace {

using Outcome = DrillStage::Outcome;

bool is_given_up(IncidentState state) {
  return state != IncidentState::kClosed && (is_terminal(state) || state == IncidentState::kEscalated);
}

std::string touched(const Incident& incident) {
  return fmt::format("{} was acted on as well: {}", incident.target ? incident.target->str() : incident.name,
                     told(incident));
}

/// The event that began to run steps, of an entry that tells of that; "" of any other.
std::string began_steps_by(const TimelineEntry& entry) {
  if (entry.kind != "state") return "";
  const Json data = parse_json(entry.data).value_or(Json::object());
  const bool begins = get_string_or_empty(data, "to").value_or("") == to_string(IncidentState::kExecuting);
  return begins ? get_string_or_empty(data, "event").value_or("") : "";
}

/// Also when it was begun before: `acted_at` is the first time only. What an earlier heal does when its alerts have
/// resolved is not the fault's doing, however that ends: so its steps are told apart by what began them.
bool is_acted_on_since(const Story& story, WallTime since) {
  const auto& acted_at = story.incident.times.acted_at;
  if (!acted_at) return false;
  if (*acted_at >= since) return true;
  bool is_way_back = false;
  for (const TimelineEntry& entry : story.timeline) {
    if (const std::string event = began_steps_by(entry); !event.empty())
      is_way_back = event == to_string(remedy::IncidentEvent::kAfter);
    if (entry.kind == "step_intent" && entry.at >= since && !is_way_back) return true;
  }
  return false;
}

}  // namespace

std::string Conductor::where_it_went(const std::vector<Incident>& all) const {
  if (all.empty()) return "the service has heard of nothing since the fault";
  const Incident& one = all.front();
  return fmt::format("since the fault the service has heard of {} ({} on {}: {})", all.size(), one.name,
                     one.target ? one.target->str() : "no target", one.reason);
}

Conductor::Look Conductor::look_for_incident() {
  auto page = list_incidents(context_.service(), {{}, "", "", injected_at_, kMostIncidents});
  if (!page) return Look::unknown(page.error());
  std::reverse(page->incidents.begin(), page->incidents.end());
  for (const Incident& incident : page->incidents) {
    if (!incident.target || *incident.target != drill_.target || passed_over_.contains(incident.id)) continue;
    if (drill_.alerts.empty()) {
      incident_id_ = incident.id;
      report_.times.try_emplace("detect", since_fault(incident.times.detected_at.value_or(injected_at_)));
      return {Is::kThere, fmt::format("{} began incident {}", incident.name, incident.id)};
    }
    const auto whole = fetch_story(context_.service(), incident.id);
    if (!whole) return Look::unknown(whole.error());
    for (const Episode& episode : whole->episodes) {
      if (std::find(drill_.alerts.begin(), drill_.alerts.end(), episode.name) == drill_.alerts.end()) continue;
      incident_id_ = incident.id;
      report_.times.try_emplace("detect", since_fault(incident.times.detected_at.value_or(episode.received_at)));
      report_.times.try_emplace("alert", since_fault(episode.received_at));
      return {Is::kThere, fmt::format("{} reached the service: incident {}", episode.name, incident.id)};
    }
  }
  return {Is::kNotYet, where_it_went(page->incidents)};
}

Conductor::Next Conductor::alert() {
  const bool is_named = !drill_.alerts.empty();
  const std::string what = is_named ? fmt::format("alert {}", fmt::join(drill_.alerts, " or ")) : "an incident";
  const Next next =
      wait_for(is_named ? "alert" : "detect", what, drill_.alert_within, [this] { return look_for_incident(); });
  report_.incident_id = incident_id_;
  return next;
}

Result<Story> Conductor::story() {
  return fetch_story(context_.service(), incident_id_);
}

/// True of an incident that ended because the trouble was over for a moment, before anything was done: a fault may come
/// and go. From then on the next one is looked at, once there is one.
bool Conductor::may_come_again(const Incident& incident) {
  if (incident.state != IncidentState::kStale || drill_.heal == Drill::Heal::kNever) return false;
  passed_over_.insert(incident.id);
  look_for_incident();
  report_.incident_id = incident_id_;
  return true;
}

Conductor::Next Conductor::decision() {
  const std::string what = fmt::format("decision \"{}\"", drill_.decision);
  return wait_for("decision", what, drill_.decision_within, [this]() -> Look {
    const auto whole = story();
    if (!whole) return Look::unknown(whole.error());
    const Incident& incident = whole->incident;
    std::vector<std::string> decisions;
    for (const TimelineEntry& entry : whole->timeline) {
      std::string decision = rehearsal::decision_of(entry);
      if (decision.empty()) continue;
      if (decision == drill_.decision) {
        report_.times["decision"] = report_.times["decide"] = since_fault(entry.at);
        const bool is_chosen = !drill_.playbook || *drill_.playbook == incident.playbook;
        const std::string wrong = is_chosen ? "" : fmt::format(", not {}", *drill_.playbook);
        return {is_chosen ? Is::kThere : Is::kNever,
                fmt::format("{} by playbook {}{}", decision, incident.playbook, wrong)};
      }
      decisions.push_back(std::move(decision));
    }
    const bool is_over = is_terminal(incident.state) && !may_come_again(incident);
    return {is_over ? Is::kNever : Is::kNotYet,
            decisions.empty() ? told(incident) : fmt::format("decided: {}", decisions.back())};
  });
}

/// Passes only when all the time that the drill gives has gone by without an action.
Conductor::Next Conductor::no_heal() {
  const Duration limit = std::max(drill_.alert_within, drill_.decision_within);
  return wait_for("heal", "that nothing is done", limit, [this, limit]() -> Look {
    const bool is_over = context_.clock().steady_now() >= injected_steady_ + limit;
    const auto whole = story();
    if (!whole) return Look::unknown(whole.error());
    if (whole->incident.times.acted_at) return {Is::kNever, "it was acted on, which must not happen"};
    if (!is_over) return {Is::kNotYet, "nothing was done yet"};
    return {Is::kThere, "nothing was done, as expected"};
  });
}

Conductor::Next Conductor::heal() {
  if (drill_.heal == Drill::Heal::kNever) return no_heal();
  return wait_for("heal", "a verified heal", drill_.heal_within, [this]() -> Look {
    const auto whole = story();
    if (!whole) return Look::unknown(whole.error());
    const Incident& incident = whole->incident;
    if (incident.times.acted_at) report_.times["act"] = since_fault(*incident.times.acted_at);
    const bool is_over = is_given_up(incident.state) && !may_come_again(incident);
    if (!incident.times.verified_at || is_over) return {is_over ? Is::kNever : Is::kNotYet, told(incident)};
    report_.times["heal"] = report_.times["verify"] = since_fault(*incident.times.verified_at);
    return {Is::kThere, incident.message};
  });
}

Conductor::Next Conductor::resolved() {
  if (!drill_.resolved_within) return Next::kGoOn;
  return wait_for("resolved", "the alert to resolve", *drill_.resolved_within, [this]() -> Look {
    const auto whole = story();
    if (!whole) return Look::unknown(whole.error());
    if (!whole->incident.times.resolved_at) return {Is::kNotYet, "it fires still"};
    report_.times["resolved"] = report_.times["resolve"] = since_fault(*whole->incident.times.resolved_at);
    return {Is::kThere, "every alert of the incident has resolved"};
  });
}

/// Of those that the service has heard of since the fault, and of those that were open before: they may have waited for
/// something, and be acted on now.
Conductor::Look Conductor::look_at_others() {
  const auto page = list_incidents(context_.service(), {{}, "", "", injected_at_, kMostIncidents});
  if (!page) return Look::unknown(page.error());
  for (const Incident& incident : page->incidents) {
    if (!incident.times.acted_at) continue;
    const bool is_ours = incident.target && *incident.target == drill_.target;
    if (!is_ours) return {Is::kNever, touched(incident)};
    if (drill_.heal == Drill::Heal::kNever)
      return {Is::kNever, fmt::format("it was acted on, which must not happen: {}", told(incident))};
  }
  for (const std::string& id : open_before_) {
    const auto whole = fetch_story(context_.service(), id);
    if (!whole) return Look::unknown(whole.error());
    if (is_acted_on_since(*whole, injected_at_)) return {Is::kNever, touched(whole->incident)};
  }
  if (page->has_more)
    return {Is::kUnknown, fmt::format("there were more than {} incidents: not all were looked at", kMostIncidents)};
  return {Is::kThere, "nothing else was touched"};
}

Conductor::Next Conductor::untouched() {
  DrillStage stage{"untouched", Outcome::kFailed, "", std::nullopt, std::nullopt, {}};
  const Look look = look_at_others();
  stage.outcome = look.outcome();
  stage.message = look.message;
  return end_stage(std::move(stage));
}

}  // namespace heal::ctl
