#include "common/remedy/intake.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/match.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

/// What the ledger knows of a notification's alerts before anything is changed.
struct Known {
  std::map<std::string, Episode> episodes;    // by key
  std::map<std::string, Incident> incidents;  // those that are over, of episodes that still fire
};

Result<Known> look_up(Ledger& ledger, const AlertGroup& group) {
  Known known;
  for (const Alert& alert : group.alerts) {
    const std::string key = episode_key(alert);
    HEAL_TRY(auto episode, ledger.episode(key));
    if (!episode) continue;
    const bool is_open = ledger.find(episode->incident_id) != nullptr;
    if (!episode->resolved_at && !episode->incident_id.empty() && !is_open) {
      HEAL_TRY(auto incident, ledger.incident(episode->incident_id));
      if (incident) known.incidents.emplace(incident->id, std::move(*incident));
    }
    known.episodes.emplace(key, std::move(*episode));
  }
  return known;
}

Episode make_episode(const Alert& alert, const AlertGroup& group, WallTime received_at) {
  Episode episode;
  episode.key = episode_key(alert);
  episode.source = words::kAlertmanager;
  episode.name = label_value(alert.labels, "alertname");
  if (episode.name.empty()) episode.name = "alert without a name";
  episode.labels = alert.labels;
  episode.annotations = alert.annotations;
  episode.starts_at = alert.starts_at;
  episode.received_at = received_at;
  episode.generator_url = alert.generator_url;
  episode.alertmanager_url = group.external_url;
  return episode;
}

/// One notification on its way through the stage.
class Intake {
 public:
  Intake(Ledger& ledger, Jobs& jobs, const World& world, const AlertGroup& group, WallTime received_at, Known known)
      : ledger_(ledger),
        jobs_(jobs),
        world_(world),
        group_(group),
        received_at_(received_at),
        known_(std::move(known)) {}

  IngestReply run() {
    for (const Alert& alert : group_.alerts)
      take(alert);
    return std::move(reply_);
  }

  /// Evidence that joined a healed incident and turned out to be of a new fault.
  void take_again(std::vector<Episode> episodes) {
    for (Episode& episode : episodes)
      route(std::move(episode));
  }

 private:
  void take(const Alert& alert) {
    auto it = known_.episodes.find(episode_key(alert));
    Episode* episode = it == known_.episodes.end() ? nullptr : &it->second;
    if (alert.status == AlertStatus::kResolved) {
      if (episode == nullptr) return record_late_resolve(alert);
      if (episode->resolved_at) return duplicate(*episode);
      return resolve(alert, *episode);
    }
    if (episode == nullptr || may_be_answered_now(*episode)) return route(make_episode(alert, group_, received_at_));
    duplicate(*episode);
  }

  /// A repeat of an alert that nothing was done about, although it fires: it may be another time with the files that
  /// are in force now, or when its incident ended because it was believed to be over.
  bool may_be_answered_now(const Episode& episode) const {
    const auto it = known_.incidents.find(episode.incident_id);
    if (episode.resolved_at || it == known_.incidents.end()) return false;
    switch (it->second.state) {
      case IncidentState::kStale:
        return true;
      case IncidentState::kUnmatched:
      case IncidentState::kSuppressed:
        return episode.received_at < world_.loaded_at;
      default:
        return false;
    }
  }

  void count(std::string_view result) {
    ledger_.effect([metrics = ledger_.metrics(), name = std::string(result)] {
      metrics.events.at({std::string(words::kAlertmanager), name}).increment();
      if (name == words::kDuplicate) metrics.duplicates.at({std::string(words::kAlertmanager)}).increment();
    });
  }

  void mention(const std::string& incident_id) {
    if (!incident_id.empty() && mentioned_.insert(incident_id).second) reply_.incidents.push_back(incident_id);
  }

  void duplicate(const Episode& episode) {
    ++reply_.duplicates;
    mention(episode.incident_id);
    count(words::kDuplicate);
  }

  void store(Episode episode) {
    ledger_.put_episode(episode);
    mention(episode.incident_id);
    known_.episodes.insert_or_assign(episode.key, std::move(episode));
    ++reply_.accepted;
  }

  /// A resolve whose firing never came: kept, so that a firing that comes out of order is known to be over.
  void record_late_resolve(const Alert& alert) {
    Episode episode = make_episode(alert, group_, received_at_);
    episode.resolved_at = alert.ends_at.value_or(received_at_);
    store(std::move(episode));
    count(words::kLateResolve);
  }

  void resolve(const Alert& alert, Episode episode) {
    episode.resolved_at = alert.ends_at.value_or(received_at_);
    const std::string id = episode.incident_id;
    const std::string name = episode.name;
    const WallTime at = *episode.resolved_at;
    const std::string key = episode.key;
    store(std::move(episode));
    count(words::kResolved);
    if (id.empty()) return;
    ledger_.append(id, "resolved", fmt::format("alert {} resolved", printable(name)),
                   {{"episode", key}, {"resolved_at", format_rfc3339_nano(at)}});
    if (const OpenIncident* open = ledger_.find(id); open != nullptr) {
      if (open->unresolved.empty()) end_evidence(id, at);
    } else {
      end_closed(id, at);
    }
  }

  void end_evidence(const std::string& id, WallTime at) {
    OpenIncident& open = ledger_.edit(id);
    open.incident.times.resolved_at = at;
    if (is_terminal(open.incident.state)) return;  // it ended within this batch
    ledger_.move(id, IncidentEvent::kResolve, "alert_resolved", "every alert resolved before anything was done");
  }

  void end_closed(const std::string& id, WallTime at) {
    auto it = known_.incidents.find(id);
    if (it == known_.incidents.end()) return;
    Incident& incident = it->second;
    const auto& keys = incident.episode_keys;
    if (std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return ledger_.is_unresolved(key); })) return;
    incident.times.resolved_at = at;
    ledger_.put_closed(incident);
  }

  void route(Episode episode) {
    const auto decisions = playbook::match(world_.bundle.config.routes, episode.labels);
    const auto taken = std::find_if(decisions.begin(), decisions.end(), [](const auto& decision) {
      return decision.verdict == playbook::RouteDecision::Verdict::kTaken;
    });
    Json explanation = Json::array();
    for (const auto& decision : decisions)
      explanation.push_back(printable(decision.explanation, 400));
    if (taken == decisions.end()) {
      return begin_unmatched(std::move(episode), "no_route", "no route of heal.yml matches this alert",
                             {{"routes", explanation}});
    }
    const playbook::Route& route = world_.bundle.config.routes[taken->route];
    auto routed = playbook::resolve_route(route, episode.labels, episode.annotations);
    if (!routed.has_value()) {
      return begin_unmatched(std::move(episode), "no_target",
                             fmt::format("the route names no target: {}", printable(routed.error().str(), 400)),
                             {{"routes", explanation}, {"playbook", route.playbook}});
    }
    join_or_begin(std::move(episode), *routed, explanation);
  }

  void begin_unmatched(Episode episode, std::string_view reason, std::string message, const Json& data) {
    Incident incident = new_incident(episode);
    incident.state = IncidentState::kUnmatched;
    incident.reason = reason;
    incident.message = std::move(message);
    incident.times.closed_at = ledger_.clock().now();
    episode.incident_id = incident.id;
    const std::string id = incident.id;
    ledger_.append(id, "received", received_text(episode), received_data(episode));
    ledger_.append(id, "unmatched", incident.message, data);
    ledger_.effect([metrics = ledger_.metrics()] {
      metrics.decisions.at({"", std::string(words::kUnmatched), std::string(words::kRouteStage)}).increment();
    });
    ledger_.begin(std::move(incident));
    store(std::move(episode));
    count(words::kAccepted);
  }

  Incident new_incident(const Episode& episode) {
    Incident incident;
    incident.id = ledger_.new_id();
    incident.name = episode.name;
    incident.type = "ALERT";
    incident.times.detected_at = received_at_;
    incident.episode_keys = {episode.key};
    return incident;
  }

  static std::string received_text(const Episode& episode) {
    return fmt::format("alert {} is firing since {}", printable(episode.name), format_rfc3339(episode.starts_at));
  }
  Json received_data(const Episode& episode) const {
    return {{"episode", episode.key},
            {"source", episode.source},
            {"starts_at", format_rfc3339_nano(episode.starts_at)},
            {"receiver", printable(group_.receiver)},
            {"truncated_alerts", group_.truncated_alerts}};
  }

  void join_or_begin(Episode episode, const playbook::RoutedHeal& routed, const Json& routes) {
    const std::string target = routed.target.str();
    const OpenIncident* open = ledger_.open_on(target);
    if (open != nullptr && open->incident.state != IncidentState::kRecovered)
      return join(open->incident.id, std::move(episode), "joined", "more evidence of the same trouble");
    if (open != nullptr && is_late(episode, open->incident.times.verified_at)) {
      return join(open->incident.id, std::move(episode), "late",
                  "late evidence of the fault that was healed; nothing more is done");
    }
    const auto& heal = ledger_.history(target).last_heal;
    if (open == nullptr && heal && is_late(episode, heal->verified_at)) return record_late(std::move(episode), *heal);
    if (open != nullptr) return suspect(open->incident.id, std::move(episode));
    begin(std::move(episode), routed, routes);
  }

  static bool is_late(const Episode& episode, const std::optional<WallTime>& verified_at) {
    return verified_at && episode.starts_at <= *verified_at;
  }

  void join(const std::string& id, Episode episode, std::string_view kind, std::string_view why) {
    episode.incident_id = id;
    ledger_.edit(id).incident.episode_keys.push_back(episode.key);
    ledger_.move(id, IncidentEvent::kEvidence, "", "");
    ledger_.append(id, kind, fmt::format("{}: {}", received_text(episode), why), received_data(episode));
    store(std::move(episode));
    count(kind == "late" ? words::kLateEvidence : words::kAccepted);
  }

  /// Evidence that began after the heal was verified may still lag behind it: scrapes and rules look at the past. The
  /// target is asked at once, and only its own answer makes this a new fault.
  void suspect(const std::string& id, Episode episode) {
    join(id, std::move(episode), "joined", "it was healed a moment ago; looking at it again");
    ledger_.edit(id).progress.wake_at = received_at_;
  }

  void record_late(Episode episode, const LastHeal& heal) {
    ledger_.append(heal.incident_id, "late",
                   fmt::format("{}: before the heal was verified at {}; nothing is done", received_text(episode),
                               format_rfc3339(heal.verified_at)),
                   received_data(episode));
    mention(heal.incident_id);
    store(std::move(episode));
    count(words::kLateEvidence);
  }

  void begin(Episode episode, const playbook::RoutedHeal& routed, const Json& routes) {
    Incident incident = new_incident(episode);
    incident.target = routed.target;
    incident.playbook = routed.playbook;
    incident.message = "accepted; nothing decided yet";
    incident.reason = "accepted";
    episode.incident_id = incident.id;
    const std::string id = incident.id;
    ledger_.append(id, "received", received_text(episode), received_data(episode));
    ledger_.append(id, "matched", fmt::format("playbook {} on {}", routed.playbook, routed.target.str()),
                   {{"playbook", routed.playbook},
                    {"target", routed.target.str()},
                    {"params", routed.params},
                    {"routes", routes}});
    ledger_.begin(std::move(incident));
    ledger_.edit(id).progress.params = routed.params;
    store(std::move(episode));
    count(words::kAccepted);
    ledger_.effect([&jobs = jobs_, id] { jobs.investigate(id); });
  }

  Ledger& ledger_;
  Jobs& jobs_;
  const World& world_;
  const AlertGroup& group_;
  const WallTime received_at_;
  Known known_;
  std::unordered_set<std::string> mentioned_;
  IngestReply reply_;
};

}  // namespace

Result<IngestReply> take_in(Ledger& ledger, Jobs& jobs, const World& world, const AlertGroup& group,
                            WallTime received_at) {
  HEAL_TRY(Known known, look_up(ledger, group));
  return Intake(ledger, jobs, world, group, received_at, std::move(known)).run();
}

void take_again(Ledger& ledger, Jobs& jobs, const World& world, const std::string& incident_id) {
  const OpenIncident* open = ledger.find(incident_id);
  if (open == nullptr || !is_terminal(open->incident.state)) return;
  std::vector<Episode> newer = ledger.unresolved_of(*open);
  std::erase_if(newer, [&](const Episode& episode) {
    return episode.source != words::kAlertmanager || episode.starts_at <= open->incident.times.verified_at;
  });
  const AlertGroup nobody;
  Intake(ledger, jobs, world, nobody, ledger.clock().now(), {}).take_again(std::move(newer));
}

std::string episode_key(const Alert& alert) {
  return "am:" + alert.episode_key();
}

}  // namespace heal::remedy
