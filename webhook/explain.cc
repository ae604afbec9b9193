#include "webhook/explain.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/heal_outcome.h"
#include "common/model/incident_times.h"
#include "common/playbook/match.h"
#include "common/wire/json.h"

namespace heal::webhook {
namespace {

std::string text_of(const Json& object, std::string_view name) {
  auto text = get_optional_string(object, name);
  return text.has_value() ? printable(text->value_or(""), 500) : "";
}

/// The last entry of `kind`, read.
struct Entry {
  const TimelineEntry* entry = nullptr;
  Json data;
};
std::optional<Entry> last_of(const std::vector<TimelineEntry>& timeline, std::string_view kind) {
  for (auto it = timeline.rbegin(); it != timeline.rend(); ++it) {
    if (it->kind != kind) continue;
    auto data = parse_json(it->data);
    return Entry{&*it, data.has_value() ? std::move(*data) : Json::object()};
  }
  return std::nullopt;
}

/// "budget refused", "pauses asks to wait": who said so, when a guard or a stage did.
std::string who(const std::optional<Entry>& decision, std::string_view verb) {
  const std::string guard = decision ? text_of(decision->data, "guard") : "";
  return guard.empty() || guard == "none" ? "" : fmt::format(": {} {}", guard, verb);
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// What its steps have done, and what came of that; `why` is the reason for which they were given up.
std::string deed(const Incident& incident, std::string_view why) {
  const bool has_acted = incident.times.acted_at.has_value();
  const bool is_used_up = is_one_of(why, {"budget_exhausted", "breaker_open", "flapping"});
  if (incident.attempt == 0 || (is_used_up && !has_acted)) return "It did not act";
  if (is_one_of(why, {"outcome_unknown", "plan_changed", "cannot_resume", "lock_lost"}))
    return "It stopped half-done, and nobody knows what its steps have done";
  if (!has_acted) return "It tried to act and could not";
  if (why == "verify_unknown") return "It acted, and could not find out whether that helped";
  if (why == "relapsed") return "It acted, and that helped for a short time only";
  if (incident.times.verified_at) return "It acted, and it helped, but what is to follow was not done";
  return "It acted, and it did not help";
}

/// Held by what: a guard, or one of the stages before them.
std::string holder_of(const std::optional<Entry>& decision) {
  const std::string guard = decision ? text_of(decision->data, "guard") : "";
  if (guard.empty() || guard == "none") return "";
  const bool is_stage = is_one_of(guard, {"route", "inventory", "plan"});
  return fmt::format(": the {} {} holds it", is_stage ? "stage" : "guard", guard);
}

std::string waiting(const Incident& incident, const std::optional<Entry>& decision) {
  const auto until = decision ? get_optional_time(decision->data, "until") : std::nullopt;
  return fmt::format("{}{}. {} ({}){}",
                     incident.times.acted_at ? "It acted, and that did not help; the next playbook waits"
                                             : "It has not acted yet and waits",
                     holder_of(decision), printable(incident.message, 500), incident.reason,
                     until && until->has_value()
                         ? fmt::format(". It asks again by itself, first at {}", format_rfc3339(**until))
                         : "");
}

/// What was healed is looked at again by itself; for the rest, only a person begins more about the same alert.
std::string way_out_of_closed(const Incident& incident) {
  if (incident.reason == "shadow")
    return fmt::format("`mode: approve` or `mode: auto` in playbook {} lets it act", incident.playbook);
  if (is_one_of(incident.reason, {"retried", "replaced"})) return "";
  if (heal_outcome(incident) == HealOutcome::kVerified || incident.times.resolved_at || !incident.target) return "";
  if (incident.requested_by.empty())
    return fmt::format("look at the target; healctl retry {} tries again", incident.id);
  return fmt::format("look at the target; healctl heal {} --target {} tries it by hand", incident.playbook,
                     incident.target->str());
}

std::string way_out_of_hold(const Incident& incident, const std::string& guard) {
  const std::string end = fmt::format("healctl cancel {} gives it up", incident.id);
  if (guard == "lever") return "healctl lever release, or write `run` into the file that engages it; " + end;
  if (guard == "pauses") return "healctl resume NAME, for each pause below; " + end;
  if (incident.reason == "alerts_truncated")
    return fmt::format(
        "max_alerts: 0 for that receiver, in the sender's configuration, shows all alerts with the group's next "
        "notification; before that, healctl heal {} --target {} does not wait for it; {}",
        incident.playbook, incident.target ? incident.target->str() : "", end);
  if (is_one_of(guard, {"breaker", "flap", "budget"}) && incident.target)
    return fmt::format("find out why it keeps breaking, then healctl breaker reset {} --target {}; {}",
                       incident.playbook, incident.target->str(), end);
  return "nothing, it asks again by itself; " + end;
}

/// What a person can do about it; "" when there is nothing to do but wait.
std::string way_out(const Incident& incident, const std::optional<Entry>& decision) {
  switch (incident.state) {
    case IncidentState::kHeld:
      return way_out_of_hold(incident, decision ? text_of(decision->data, "guard") : "");
    case IncidentState::kAwaitingApproval:
      return fmt::format("healctl approve {0}, or healctl reject {0}", incident.id);
    case IncidentState::kExecuting:
    case IncidentState::kVerifying:
    case IncidentState::kRecovered:
      return fmt::format("nothing; healctl cancel {} calls it off", incident.id);
    case IncidentState::kFailed:
    case IncidentState::kInterrupted:
      return fmt::format("look at the target, then healctl retry {}", incident.id);
    case IncidentState::kSuppressed:
    case IncidentState::kCancelled:
      return incident.target ? fmt::format("healctl retry {} tries again", incident.id) : "";
    case IncidentState::kEscalated:
      return fmt::format(
          "look at the target; then healctl retry {0} tries again, or healctl cancel {0} ends it, and with it the "
          "paging",
          incident.id);
    case IncidentState::kClosed:
      return way_out_of_closed(incident);
    default:
      return "";
  }
}

/// The reason for which a human was called; "" when none was.
std::string call_reason(const std::vector<TimelineEntry>& timeline) {
  const auto call = last_of(timeline, "escalated");
  return call && text_of(call->data, "to").empty() ? text_of(call->data, "reason") : "";
}

/// A drill that people are not told of, so far.
bool is_withheld(const std::vector<TimelineEntry>& timeline) {
  const auto page = last_of(timeline, "page");
  return page && text_of(page->data, "result") == "withheld";
}

/// Verified, and watched until it was closed.
std::string healed(const Incident& incident) {
  if (!incident.times.acted_at) return "Its steps changed nothing, and the target is well";
  if (incident.reason == "stay_healthy_unknown")
    return "It acted, and it helped; whether that lasted could not be found out";
  if (incident.reason == "replaced")
    return "It acted, and it helped; another heal was asked for before it had been watched to the end";
  return "It acted, and it helped";
}

std::string closed(const Incident& incident, const std::vector<TimelineEntry>& timeline) {
  if (heal_outcome(incident) == HealOutcome::kVerified) return healed(incident);
  const std::string call = call_reason(timeline);
  const std::string what = deed(incident, call);
  if (call.empty()) return what;  // shadow mode
  const std::string called = is_withheld(timeline) ? "; it was a drill, no human was called" : "; a human was called";
  if (incident.reason == "cancelled") return what + called + ", and a person has closed it since";
  if (incident.reason == "expired") return what + called + ", and nobody has closed it";
  return what + called + ", and the trouble has ended since";
}

/// The answer in one sentence.
std::string answer_of(const Incident& incident, const std::vector<TimelineEntry>& timeline,
                      const std::optional<Entry>& decision) {
  const std::string why = fmt::format("{} ({})", printable(incident.message, 500), incident.reason);
  const bool has_acted = incident.times.acted_at.has_value();
  const auto because = [&why](std::string_view answer) { return fmt::format("{}. {}", answer, why); };
  // What ends a further playbook of the ladder does not make undone what the ones before it did.
  const std::string no =
      has_acted ? "It acted, and that did not help; the next playbook did nothing" : "It did not act";
  switch (incident.state) {
    case IncidentState::kReceived:
    case IncidentState::kPlanned:
      return because("It has not decided yet: it waits for a worker, or one finds out what is wrong");
    case IncidentState::kHeld:
      return waiting(incident, decision);
    case IncidentState::kAwaitingApproval:
      return because(has_acted ? "It acted, and that did not help; a person must approve the next plan"
                               : "It has not acted yet: a person must approve the plan");
    case IncidentState::kSuppressed:
      return because(no + who(decision, "refused"));
    case IncidentState::kUnmatched:
      return because(no + ": nothing in heal.yml says what to do, or may be done, about this");
    case IncidentState::kStale:
      return because(no + ": there was nothing left to heal");
    case IncidentState::kExecuting:
    case IncidentState::kVerifying:
      return because("It is acting: every guard allowed it");
    case IncidentState::kRecovered:
      return because(healed(incident) + "; it is watched for a while");
    case IncidentState::kFailed:
      return because(deed(incident, incident.reason));
    case IncidentState::kEscalated:
      return because(deed(incident, incident.reason) +
                     (is_withheld(timeline) ? "; it is a drill, and no human is called yet" : "; a human is called"));
    case IncidentState::kInterrupted:
      return because("It stopped half-done, and only a person may go on");
    case IncidentState::kCancelled:
      return because(has_acted ? "It was called off after it had acted" : "It was called off before it acted");
    case IncidentState::kClosed:
      return because(closed(incident, timeline));
  }
  return why;
}

void add_about(std::string& out, const Incident& incident, const std::optional<Entry>& decision) {
  auto line = std::back_inserter(out);
  fmt::format_to(line, "\nabout     {}{}\n", printable(incident.name),
                 incident.target ? " on " + incident.target->str() : ", no target");
  fmt::format_to(line, "incident  {} ({}), {}\n", incident.id, incident.type, to_string(incident.state));
  if (!incident.playbook.empty()) fmt::format_to(line, "playbook  {}\n", incident.playbook);
  if (!incident.requested_by.empty()) fmt::format_to(line, "asked by  {}\n", printable(incident.requested_by));
  if (!incident.drill.empty()) fmt::format_to(line, "drill     of fault {}\n", printable(incident.drill));
  const auto& times = incident.times;
  for (const NamedTime& each : kIncidentTimes) {
    if (const auto& time = times.*each.time) fmt::format_to(line, "{:<9} {}\n", each.name, format_rfc3339(*time));
  }
  if (const std::string way = way_out(incident, decision); !way.empty()) fmt::format_to(line, "to do     {}\n", way);
}

void add_list(std::string& out, const Json& data, std::string_view name, std::string_view head) {
  const Json* list = find_member(data, name);
  if (list == nullptr || !list->is_array() || list->empty()) return;
  out += head;
  for (const Json& item : *list) {
    if (item.is_string()) fmt::format_to(std::back_inserter(out), "  {}\n", printable(item.get<std::string>(), 400));
  }
}

void add_inputs(std::string& out, const Json& guard) {
  const Json* inputs = find_member(guard, "inputs");
  if (inputs == nullptr || !inputs->is_array()) return;
  for (const Json& input : *inputs)
    fmt::format_to(std::back_inserter(out), "                            {} = {}\n", text_of(input, "name"),
                   text_of(input, "value"));
}

void add_guards(std::string& out, const Entry& decision) {
  const Json* guards = find_member(decision.data, "guards");
  if (guards == nullptr || !guards->is_array()) return;
  fmt::format_to(std::back_inserter(out), "\nThe guards at {}, in their order; the first that objects decides:\n",
                 format_rfc3339(decision.entry->at));
  const std::string decisive = text_of(decision.data, "guard");
  for (const Json& guard : *guards) {
    const std::string name = text_of(guard, "guard");
    const bool is_decisive = name == decisive && text_of(decision.data, "result") != "allow";
    fmt::format_to(std::back_inserter(out), "{} {:<16} {:<7} {}\n", is_decisive ? "=>" : "  ", name,
                   text_of(guard, "result"), text_of(guard, "message"));
    add_inputs(out, guard);
  }
}

/// What was decided before the last time: who decided, and from what.
void add_earlier(std::string& out, const std::vector<TimelineEntry>& timeline) {
  std::vector<const TimelineEntry*> decisions;
  for (const TimelineEntry& entry : timeline) {
    if (entry.kind == "decision") decisions.push_back(&entry);
  }
  if (decisions.size() < 2) return;
  decisions.pop_back();
  out += "\nDecided before that, oldest first:\n";
  for (const TimelineEntry* entry : decisions) {
    auto data = parse_json(entry->data);
    if (!data.has_value()) continue;
    const std::string decisive = text_of(*data, "guard");
    fmt::format_to(std::back_inserter(out), "   {} {} {}: {}\n", format_rfc3339(entry->at), decisive,
                   text_of(*data, "result"), text_of(*data, "message"));
    const Json* guards = find_member(*data, "guards");
    if (guards == nullptr || !guards->is_array()) continue;
    for (const Json& guard : *guards) {
      if (text_of(guard, "guard") == decisive) add_inputs(out, guard);
    }
  }
}

void add_story(std::string& out, const std::vector<TimelineEntry>& timeline) {
  if (timeline.empty()) return;
  out += "\nWhat happened:\n";
  for (const TimelineEntry& entry : timeline)
    fmt::format_to(std::back_inserter(out), "  {}  {:<12} {}\n", format_rfc3339(entry.at), entry.kind,
                   printable(entry.message, 500));
}

}  // namespace

std::string explain_incident(const Incident& incident, const std::vector<TimelineEntry>& timeline) {
  const auto decision = last_of(timeline, "decision");
  std::string out = answer_of(incident, timeline, decision) + "\n";
  add_about(out, incident, decision);
  auto matched = last_of(timeline, "unmatched");
  if (!matched) matched = last_of(timeline, "matched");
  if (matched) add_list(out, matched->data, "routes", "\nThe routes, in their order:\n");
  if (decision) add_guards(out, *decision);
  add_earlier(out, timeline);
  add_story(out, timeline);
  return out;
}

std::string explain_unseen(const playbook::HealConfig& config, const Labels& labels, WallTime now) {
  std::string out = "It did not act: no such alert has ever been received here.\n";
  const auto decisions = playbook::match(config.routes, labels, now);
  if (decisions.empty()) return out + "\nheal.yml has no routes: nothing is healed by itself.\n";
  out += "\nWhat the routes would make of one with these labels, in their order:\n";
  for (const auto& decision : decisions)
    fmt::format_to(std::back_inserter(out), "  {}\n", printable(decision.explanation, 400));
  return out;
}

}  // namespace heal::webhook
