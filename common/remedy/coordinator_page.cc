#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/either_stop.h"
#include "common/remedy/page.h"
#include "common/wire/json.h"

// The last rung of a ladder: a human is told through Alertmanager, again and again, until the incident is over.

namespace heal::remedy {

void Coordinator::page(const std::string& incident_id) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr || open->incident.state != IncidentState::kEscalated) return;
  const WallTime now = tools_.clock.now();
  const WallTime since = open->progress.paged_at.value_or(now);
  if (now - since >= kPagePatience) {
    ledger_.move(
        incident_id, IncidentEvent::kClose, "expired",
        fmt::format("nobody closed it and its alerts did not resolve within {}", format_duration(kPagePatience)));
    return;
  }
  auto subject = case_of(ledger_, *open);
  if (!subject.has_value()) return retry_later(incident_id, subject.error());
  submit(incident_id,
         [this, incident_id, since, subject = std::move(*subject), world = world_.get()](std::stop_token stop) {
           const EitherStop either(stop, drain_.get_token());
           if (const auto until = quiet_until(subject.incident, store_, tools_.clock.now())) {
             post_until_durable([&] { return record_quiet(incident_id, *until); }, stop);
             return;
           }
           std::string evidence;
           if (!subject.progress.has_evidence) evidence = gather_evidence(subject, *world, tools_, either.token());
           const Alert alert = page_alert(subject.incident, since, tools_.clock.now() + kPageLife);
           const PageMail mail = subject.progress.is_mailed ? PageMail::kNever : PageMail::kWhenUntold;
           const PageResult result = call_human(*world, subject.incident, alert, mail, tools_, either.token());
           if (either.token().stop_requested()) return;
           post_until_durable([&] { return record_page(incident_id, alert, evidence, result); }, stop);
         });
}

void Coordinator::count_page(const PageResult& result) {
  const auto word = [](const Status& status) { return std::string(status.has_value() ? "told" : "failed"); };
  ledger_.effect([this, told = word(result.told)] { metrics_.pages.at({"alertmanager", told}).increment(); });
  if (!result.mailed) return;
  ledger_.effect([this, mailed = word(*result.mailed)] { metrics_.pages.at({"mail", mailed}).increment(); });
}

Status Coordinator::record_page(const std::string& incident_id, const Alert& alert, const std::string& evidence,
                                const PageResult& result) {
  const OpenIncident* open = ledger_.find(incident_id);
  const Status& told = result.told;
  count_page(result);
  // It may have ended while Alertmanager was told.
  if (told.has_value()) ledger_.effect([this, incident_id, alert] { pages_.insert_or_assign(incident_id, alert); });
  if (open == nullptr || open->incident.state != IncidentState::kEscalated) return {};
  Progress& progress = ledger_.edit(incident_id).progress;
  if (!evidence.empty()) {
    auto data = parse_json(evidence);
    ledger_.append(incident_id, "evidence", "what a human needs to begin with",
                   data.has_value() ? std::move(*data) : Json::object());
    progress.has_evidence = true;
  }
  if (!progress.paged_at) progress.paged_at = alert.starts_at;
  progress.is_mailed |= result.mailed && result.mailed->has_value();
  note_page(incident_id, result);
  progress.wake_at = tools_.clock.now() + (told.has_value() ? kPageRefresh : kPageRetry);
  return {};
}

/// The alerts of a drill end with it, and its incident with them: then nobody has to know.
Status Coordinator::record_quiet(const std::string& incident_id, WallTime until) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr || open->incident.state != IncidentState::kEscalated) return {};
  OpenIncident& edited = ledger_.edit(incident_id);
  // The fault may be undone before its time: whoever looks this often does not miss that.
  edited.progress.wake_at = std::min(until, tools_.clock.now() + kDrillRest);
  if (std::exchange(edited.progress.page_state, "withheld") == "withheld") return {};
  ledger_.append(
      incident_id, "page",
      fmt::format("nobody is told: it is a drill (fault {}); HealFailed is posted if it is not over {} after the fault "
                  "is undone, at {} at the latest",
                  edited.incident.drill, format_duration(kDrillRest), format_rfc3339(until)),
      {{"result", "withheld"}, {"drill", edited.incident.drill}, {"until", to_json_value(until)}});
  return {};
}

/// A line of the story for each change; nobody who could be told is an error in the log as well.
void Coordinator::note_page(const std::string& incident_id, const PageResult& result) {
  Progress& progress = ledger_.edit(incident_id).progress;
  const std::string word = result.told.has_value() ? "told" : progress.is_mailed ? "mailed" : "failed";
  if (progress.page_state == word) return;
  progress.page_state = word;
  std::string message = "HealFailed was posted to Alertmanager";
  if (word != "told") {
    message =
        fmt::format("HealFailed could not be posted, trying again: {}", printable(result.told.error().str(), 400));
    if (word == "mailed") message += "; a mail was taken instead";
    if (result.mailed && !result.mailed->has_value())
      message += fmt::format("; nor mailed: {}", printable(result.mailed->error().str(), 400));
  }
  ledger_.append(incident_id, "page", message, {{"result", word}});
  if (word != "failed") return;
  ledger_.effect([this, incident_id, message] {
    logger_.error("no human could be called", {{"incident", incident_id}, {"reason", message}});
  });
}

void Coordinator::end_pages() {
  for (auto it = pages_.begin(); it != pages_.end();) {
    const OpenIncident* open = ledger_.find(it->first);
    if (open != nullptr && open->incident.state == IncidentState::kEscalated) {
      ++it;
      continue;
    }
    // Once: an Alertmanager that does not hear it lets the alert end by itself.
    workers_.submit([this, alert = it->second, world = world_.get()](std::stop_token stop) mutable {
      const EitherStop either(stop, drain_.get_token());
      alert.ends_at = tools_.clock.now();
      const Status told = tell_alertmanagers(*world, alert, tools_, either.token());
      if (!told.has_value()) logger_.warn("Alertmanager was not told that HealFailed is over", {{"err", told.error()}});
    });
    it = pages_.erase(it);
  }
}

}  // namespace heal::remedy
