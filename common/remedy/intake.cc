#include "common/remedy/intake.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/match.h"
#include "common/remedy/known.h"
#include "common/remedy/received.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/truncation.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"
#include "common/wire/json_text.h"

namespace heal::remedy {
namespace {

using EventKind = SourceEvent::Kind;
/// What each route says of an event.
using Explanations = std::vector<std::string>;

/// One batch on its way through the stage.
class Intake {
 public:
  Intake(Ledger& ledger, Jobs& jobs, const World& world, EventBatch& batch, WallTime received_at, Known known)
      : ledger_(ledger),
        jobs_(jobs),
        world_(world),
        batch_(batch),
        received_at_(received_at),
        known_(std::move(known)) {}

  IngestReply run() {
    truncated_groups_ = note_truncation(ledger_, batch_);
    for (SourceEvent& event : batch_.events)
      take(event);
    join_truncated_groups(ledger_, reply_.incidents, truncated_groups_);
    return std::move(reply_);
  }

  /// Evidence of `target` that joined a healed incident, or came late, and turned out to be of a new fault. Alerts of
  /// `truncated_groups` beside it were left out.
  void take_again(const Episode& episode, const TargetId& target, const std::vector<std::string>& truncated_groups) {
    only_ = target;
    is_looked_at_ = true;
    SourceEvent event = event_of(episode);
    along_routes(event);
    join_truncated_groups(ledger_, reply_.incidents, truncated_groups);
  }

 private:
  void take(SourceEvent& event) {
    if (is_heartbeat(event)) return count(event, words::kHeartbeat);
    const Episode* episode = known(event.key);
    if (event.kind == EventKind::kResolved) {
      if (episode == nullptr) return record_late_resolve(event);
      if (episode->resolved_at) return duplicate(event, *episode);
      ++reply_.accepted;
      count(event, words::kResolved);
      resolve(event, event.key);
      for (std::size_t n = 2; n <= kMostRoutesTaken && known(further_key(event.key, n)) != nullptr; ++n)
        resolve(event, further_key(event.key, n));
      return;
    }
    if (episode != nullptr && !may_any_be_answered_now(event.key)) {
      look_if_healed(event);
      return duplicate(event, *episode);
    }
    ++reply_.accepted;
    along_routes(event);
  }

  /// The Watchdog, by which Alertmanager shows that its way to us is open; unless a route is made for it.
  bool is_heartbeat(const SourceEvent& event) const {
    return event.source == words::kAlertmanager && event.name == "Watchdog" && !is_taken_now(event.labels);
  }

  bool may_any_be_answered_now(const std::string& key) const {
    const Episode* episode = known(key);
    for (std::size_t n = 2; episode != nullptr; ++n) {
      if (may_be_answered_now(*episode)) return true;
      episode = known(further_key(key, n));
    }
    return false;
  }

  /// A repeat of an alert that nothing was done about, although it fires: it may be another time with the files that
  /// are in force now, or when its incident ended because it was believed to be over.
  bool may_be_answered_now(const Episode& episode) const {
    // Late evidence that still fires: the target is looked at once more.
    if (!episode.resolved_at && episode.incident_id.empty()) return received_at_ - episode.received_at >= kLookAgain;
    const auto it = known_.incidents.find(episode.incident_id);
    if (episode.resolved_at || it == known_.incidents.end()) return false;
    switch (it->second.state) {
      case IncidentState::kStale:
        return true;
      case IncidentState::kCancelled:
        return it->second.reason == words::kLeverEngaged;  // nobody meant this incident: it is held until the release
      case IncidentState::kUnmatched:
        if (it->second.reason == "no_route" && is_taken_now(episode.labels))
          return true;  // a route's window has opened
        return episode.received_at < world_.loaded_at;
      case IncidentState::kSuppressed:
        return was_rejected(it->second) ? *it->second.times.closed_at < world_.in_force_since
                                        : episode.received_at < world_.loaded_at;
      default:
        return false;
    }
  }

  /// Whoever rejects a plan knows the files that are in force then: no start and no reload makes another question of it
  /// while they are the same. What the world spoke against is looked at again with each.
  static bool was_rejected(const Incident& incident) {
    return incident.reason == words::kRejectedByPerson && incident.times.closed_at;
  }

  bool is_taken_now(const Labels& labels) const {
    const auto decisions = playbook::match(world_.bundle.config.routes, labels, received_at_);
    return std::any_of(decisions.begin(), decisions.end(), [](const playbook::RouteDecision& decision) {
      return decision.verdict == playbook::RouteDecision::Verdict::kTaken;
    });
  }

  const Episode* known(const std::string& key) const {
    if (const Episode* written = ledger_.written_episode(key)) return written;
    auto it = known_.episodes.find(key);
    return it == known_.episodes.end() ? nullptr : &it->second;
  }

  void count(const SourceEvent& event, std::string_view result) { ledger_.count_event(event.source, result); }

  void mention(const std::string& incident_id) {
    if (!incident_id.empty() && mentioned_.insert(incident_id).second) reply_.incidents.push_back(incident_id);
  }

  void duplicate(const SourceEvent& event, const Episode& episode) {
    ++reply_.duplicates;
    mention(episode.incident_id);
    count(event, words::kDuplicate);
  }

  void store(Episode episode) {
    mention(episode.incident_id);
    const Episode* before = known(episode.key);
    ledger_.put_episode(std::move(episode), before);
  }

  /// A resolve whose firing never came: kept, so that a firing that comes out of order is known to be over.
  void record_late_resolve(const SourceEvent& event) {
    Episode episode = make_episode(event, received_at_);
    episode.resolved_at = event.ends_at.value_or(received_at_);
    store(std::move(episode));
    ++reply_.accepted;
    count(event, words::kLateResolve);
  }

  void resolve(const SourceEvent& event, const std::string& key) {
    Episode episode = *known(key);
    if (episode.resolved_at) return;
    const WallTime at = event.ends_at.value_or(received_at_);
    const std::string id = episode.incident_id;
    episode.resolved_at = at;
    store(std::move(episode));
    if (id.empty()) return;
    const std::string name = printable(event.name);
    const bool is_plain = event.end_reason == "alert_resolved";
    ledger_.append(id, "resolved",
                   is_plain ? fmt::format("alert {} resolved", name)
                            : fmt::format("{} is over: {}", name, printable(event.end_message, 400)),
                   {{"episode", key}, {"resolved_at", format_rfc3339_nano(at)}, {"reason", event.end_reason}});
    if (const OpenIncident* open = ledger_.find(id); open != nullptr) {
      if (!ledger_.has_unresolved(id)) end_evidence(event, id, at);
    } else {
      end_closed(event, id, at);
    }
  }

  void end_evidence(const SourceEvent& event, const std::string& id, WallTime at) {
    OpenIncident& open = ledger_.edit(id);
    open.incident.times.resolved_at = at;
    open.progress.ended_by = event.end_reason;
    open.progress.after_until.reset();
    if (is_terminal(open.incident.state)) return;  // it ended within this batch
    if (open.progress.after == AfterResolve::kPending) open.progress.wake_at = received_at_;
    const std::string_view when = before_what(open.incident);
    ledger_.move(id, IncidentEvent::kResolve, event.end_reason,
                 event.end_reason == "alert_resolved"
                     ? fmt::format("every alert resolved {}", when)
                     : fmt::format("over {}: {}", when, printable(event.end_message, 400)));
  }

  static std::string_view before_what(const Incident& incident) {
    if (incident.state == IncidentState::kEscalated) return "after it was handed to a human";
    return incident.times.acted_at ? "before anything more was done" : "before anything was done";
  }

  void end_closed(const SourceEvent& event, const std::string& id, WallTime at) {
    auto it = known_.incidents.find(id);
    if (it == known_.incidents.end()) return;
    Incident& incident = it->second;
    if (ledger_.has_unresolved(id)) return;
    incident.times.resolved_at = at;
    ledger_.put_closed(incident, event.end_reason);
  }

  void along_routes(SourceEvent& event) {
    is_last_use_ = !event.playbook.empty() && event.target;
    if (is_last_use_) return join_or_begin(event, event.key, {event.playbook, *event.target, event.params}, {});
    const auto& routes = world_.bundle.config.routes;
    const auto decisions = playbook::match(routes, event.labels, received_at_);
    Explanations explanation;
    explanation.reserve(decisions.size());
    for (const auto& decision : decisions)
      explanation.push_back(printable(decision.explanation, 400));
    std::vector<TargetId> targets;
    std::size_t taken = 0;
    const auto is_taken = [](const playbook::RouteDecision& decision) {
      return decision.verdict == playbook::RouteDecision::Verdict::kTaken;
    };
    auto left = std::count_if(decisions.begin(), decisions.end(), is_taken);
    for (const auto& decision : decisions) {
      if (!is_taken(decision) || taken == kMostRoutesTaken) continue;
      is_last_use_ = --left == 0;
      along(event, routes[decision.route], explanation, targets, taken);
    }
    if (taken > 0) return;
    is_last_use_ = true;
    const OwnAction* own = event.target ? own_doing(event, event.target->str()) : nullptr;
    if (own != nullptr) return record_own(event, event.key, *own);
    if (event.kind == EventKind::kOver && event.target)
      return join_or_begin(event, event.key, {"", *event.target, {}}, explanation);
    begin_unmatched(event, event.key, "no_route",
                    fmt::format("no route of heal.yml matches this {}",
                                event.source == words::kAlertmanager ? "alert" : event.source + " event"),
                    JsonObjectText().raw("routes", json_text(explanation)).take());
  }

  /// One route that takes the event. One incident per target: a further route to a target that the event has already
  /// begun or joined adds nothing.
  void along(SourceEvent& event, const playbook::Route& route, Explanations& explanation,
             std::vector<TargetId>& targets, std::size_t& taken) {
    auto routed = playbook::resolve_route(route, event.labels, event.annotations, event.target);
    if (only_ && (!routed.has_value() || routed->target != *only_)) return;
    const std::string key = ++taken == 1 ? event.key : further_key(event.key, taken);
    if (!routed.has_value()) {
      return begin_unmatched(
          event, key, "no_target", fmt::format("the route names no target: {}", printable(routed.error().str(), 400)),
          JsonObjectText().text("playbook", route.playbook).raw("routes", json_text(explanation)).take());
    }
    if (std::find(targets.begin(), targets.end(), routed->target) != targets.end()) {
      --taken;
      explanation.push_back(fmt::format("{}: {} is taken care of by a route before it: one incident per target",
                                        route.span.str(), routed->target.str()));
      return;
    }
    targets.push_back(routed->target);
    if (const Episode* before = known(key); !only_ && before != nullptr && !may_be_answered_now(*before))
      return mention(before->incident_id);
    join_or_begin(event, key, *routed, explanation);
  }

  void begin_unmatched(SourceEvent& event, const std::string& key, std::string_view reason, std::string message,
                       std::string data) {
    Incident incident = new_incident(event, key);
    incident.state = IncidentState::kUnmatched;
    incident.reason = reason;
    incident.message = std::move(message);
    incident.target = event.target;
    incident.times.closed_at = ledger_.clock().now();
    const std::string id = incident.id;
    ledger_.append_text(id, "received", received_text(event), received_data(event, key, batch_));
    ledger_.append_text(id, "unmatched", incident.message, std::move(data));
    ledger_.count_decision("", words::kUnmatched, words::kRouteStage);
    ledger_.begin(std::move(incident));
    put(event, key, id, {});
    count(event, event.kind == EventKind::kOver ? words::kOver : words::kAccepted);
  }

  void put(SourceEvent& event, const std::string& key, const std::string& incident_id,
           std::optional<WallTime> resolved_at) {
    Episode episode = is_last_use_ ? use_up(event, received_at_) : make_episode(event, received_at_);
    episode.key = key;
    episode.incident_id = incident_id;
    episode.resolved_at = resolved_at;
    if (!resolved_at && event.kind == EventKind::kOver) episode.resolved_at = event.ends_at.value_or(received_at_);
    store(std::move(episode));
  }

  Incident new_incident(const SourceEvent& event, const std::string& key) {
    Incident incident;
    incident.id = ledger_.new_id();
    incident.name = event.name;
    incident.type = event.facts.type.empty() ? std::string(words::kAlertType) : event.facts.type;
    incident.requested_by = event.requested_by;
    incident.exit_code = event.facts.exit_code;
    incident.failure_reason = printable(event.facts.reason, 500);
    incident.times.detected_at = received_at_;
    note_failure(incident, event.facts);
    incident.episode_keys = {key};
    return incident;
  }

  void join_or_begin(SourceEvent& event, const std::string& key, const playbook::RoutedHeal& routed,
                     const Explanations& routes) {
    const std::string target = routed.target.str();
    if (const OwnAction* own = own_doing(event, target); own != nullptr) return record_own(event, key, *own);
    const OpenIncident* open = ledger_.open_on(target);
    if (open != nullptr && open->incident.state != IncidentState::kRecovered)
      return join(open->incident.id, event, key, "joined", "more evidence of the same trouble");
    if (open != nullptr && is_late(event, open->incident.times.verified_at)) {
      const std::string id = open->incident.id;
      join(id, event, key, "late", "late evidence of the fault that was healed, if the target is well");
      ledger_.edit(id).progress.wake_at = received_at_;
      return;
    }
    const auto& heal = ledger_.history(target).last_heal;
    if (open == nullptr && heal && is_late(event, heal->verified_at)) return record_late(event, key, routed, *heal);
    if (open != nullptr) return suspect(open->incident.id, event, key);
    if (event.kind == EventKind::kOver) return begin_over(event, routed, routes);
    begin(event, key, routed, routes);
  }

  /// What an engine tells of a target while our own steps have it in their hands. A source that looks at effects alone
  /// (an alert, a schedule) is not asked this: its evidence may be older than the steps.
  const OwnAction* own_doing(const SourceEvent& event, const std::string& target) const {
    if (event.source != words::kDocker) return nullptr;
    const OwnAction* own = ledger_.own_action(target);
    return own != nullptr && own->covers(event.starts_at) ? own : nullptr;
  }

  void record_own(SourceEvent& event, const std::string& key, const OwnAction& own) {
    ledger_.append_text(own.incident_id, "own_action",
                        fmt::format("{}: while our own steps had the target in their hands; nothing follows from it",
                                    received_text(event)),
                        received_data(event, key, batch_));
    put(event, key, own.incident_id, received_at_);
    count(event, words::kOwnAction);
  }

  /// By times that two clocks have told. Whoever is behind by some minutes says so of a new fault as well: therefore
  /// the target is looked at, and only its own answer makes it one.
  bool is_late(const SourceEvent& event, const std::optional<WallTime>& verified_at) const {
    return !is_looked_at_ && !is_manual(event) && verified_at && event.starts_at <= *verified_at;
  }

  void join(const std::string& id, SourceEvent& event, const std::string& key, std::string_view kind,
            std::string_view why) {
    OpenIncident& open = ledger_.edit(id);
    open.incident.add_episode(key);
    add_facts(open, event.facts);
    ledger_.move(id, IncidentEvent::kEvidence, "", "");
    ledger_.append_text(id, kind, fmt::format("{}: {}", received_text(event), why), received_data(event, key, batch_));
    put(event, key, id, {});
    count(event, kind == "late"                   ? words::kLateEvidence
                 : event.kind == EventKind::kOver ? words::kOver
                                                  : words::kAccepted);
  }

  /// What a further source knows and the first did not.
  static void add_facts(OpenIncident& open, const EventFacts& facts) {
    Incident& incident = open.incident;
    if (incident.type == words::kAlertType && !facts.type.empty()) incident.type = facts.type;
    if (!incident.exit_code) incident.exit_code = facts.exit_code;
    if (incident.failure_reason.empty()) incident.failure_reason = printable(facts.reason, 500);
    note_failure(incident, facts);
  }

  /// What failed after the incident was detected (or says so by a clock that is ahead) is not what it was detected by.
  static void note_failure(Incident& incident, const EventFacts& facts) {
    auto& times = incident.times;
    if (!times.failed_at && facts.failed_at && facts.failed_at <= times.detected_at) times.failed_at = facts.failed_at;
  }

  /// Evidence that began after the heal was verified may still lag behind it: scrapes and rules look at the past. The
  /// target is asked at once, and only its own answer makes this a new fault.
  void suspect(const std::string& id, SourceEvent& event, const std::string& key) {
    join(id, event, key, "joined", "it was healed a moment ago; looking at it again");
    ledger_.edit(id).progress.wake_at = received_at_;
  }

  void record_late(SourceEvent& event, const std::string& key, const playbook::RoutedHeal& routed,
                   const LastHeal& heal) {
    ledger_.append_text(heal.incident_id, "late",
                        fmt::format("{}: before the heal was verified at {}; nothing is done if the target is well",
                                    received_text(event), format_rfc3339(heal.verified_at)),
                        received_data(event, key, batch_));
    mention(heal.incident_id);
    put(event, key, "", {});
    count(event, words::kLateEvidence);
    if (event.kind != EventKind::kOver) look_again(key, routed, heal);
  }

  void look_again(const std::string& key, const playbook::RoutedHeal& routed, const LastHeal& heal) {
    LateEvidence late{key, routed.playbook, routed.target, routed.params, heal, truncated_groups_};
    ledger_.effect([&jobs = jobs_, late = std::move(late)] { jobs.look_again(late); });
  }

  /// An alert that fires on although its target was healed and its incident is closed: it may tell of another fault by
  /// now, which only the target can say.
  void look_if_healed(const SourceEvent& event) {
    if ((event.target && !event.playbook.empty()) || !is_any_closed(event.key)) return;
    const auto& routes = world_.bundle.config.routes;
    std::size_t taken = 0;
    for (const auto& decision : playbook::match(routes, event.labels, received_at_)) {
      if (decision.verdict != playbook::RouteDecision::Verdict::kTaken || taken == kMostRoutesTaken) continue;
      const auto& route = routes[decision.route];
      const auto routed = playbook::resolve_route(route, event.labels, event.annotations, event.target);
      const std::string key = ++taken == 1 ? event.key : further_key(event.key, taken);
      const Episode* episode = known(key);
      if (!routed.has_value() || episode == nullptr || episode->resolved_at) continue;
      const std::string target = routed->target.str();
      const auto& heal = ledger_.history(target).last_heal;
      const bool is_healed = is_closed(*episode) && heal && heal->incident_id == episode->incident_id &&
                             ledger_.open_on(target) == nullptr;
      if (is_healed && ledger_.may_look(target)) look_again(key, *routed, *heal);
    }
  }

  bool is_closed(const Episode& episode) const {
    const auto it = known_.incidents.find(episode.incident_id);
    return it != known_.incidents.end() && it->second.state == IncidentState::kClosed;
  }

  bool is_any_closed(const std::string& key) const {
    const Episode* episode = known(key);
    for (std::size_t n = 2; episode != nullptr; ++n) {
      if (is_closed(*episode)) return true;
      episode = known(further_key(key, n));
    }
    return false;
  }

  Incident routed_incident(const SourceEvent& event, const std::string& key, const playbook::RoutedHeal& routed,
                           const Explanations& routes) {
    Incident incident = new_incident(event, key);
    incident.target = routed.target;
    incident.playbook = routed.playbook;
    incident.message = "accepted; nothing decided yet";
    incident.reason = "accepted";
    ledger_.append_text(incident.id, "received", received_text(event), received_data(event, key, batch_));
    if (!is_manual(event) && !routed.playbook.empty()) {
      const std::string target = routed.target.str();
      ledger_.append_text(incident.id, "matched", fmt::format("playbook {} on {}", routed.playbook, target),
                          JsonObjectText()
                              .raw("params", json_text(routed.params))
                              .text("playbook", routed.playbook)
                              .raw("routes", json_text(routes))
                              .text("target", target)
                              .take());
    }
    return incident;
  }

  void begin(SourceEvent& event, const std::string& key, const playbook::RoutedHeal& routed,
             const Explanations& routes) {
    Incident incident = routed_incident(event, key, routed, routes);
    const std::string id = incident.id;
    ledger_.begin(std::move(incident));
    Progress& progress = ledger_.edit(id).progress;
    progress.params = routed.params;
    progress.container_id = event.facts.container_id;
    put(event, key, id, {});
    count(event, words::kAccepted);
    ledger_.effect([&jobs = jobs_, id] { jobs.investigate(id); });
  }

  /// Trouble that ended by itself: an incident that is over as soon as it is told.
  void begin_over(SourceEvent& event, const playbook::RoutedHeal& routed, const Explanations& routes) {
    Incident incident = routed_incident(event, event.key, routed, routes);
    const WallTime at = event.ends_at.value_or(received_at_);
    const std::string id = incident.id;
    incident.times.resolved_at = at;
    ledger_.begin(std::move(incident));
    put(event, event.key, id, at);
    count(event, words::kOver);
    ledger_.append(id, "resolved", printable(event.end_message, 400),
                   {{"episode", event.key}, {"resolved_at", format_rfc3339_nano(at)}, {"reason", event.end_reason}});
    ledger_.move(id, IncidentEvent::kStale, event.end_reason, printable(event.end_message, 400));
  }

  Ledger& ledger_;
  Jobs& jobs_;
  const World& world_;
  EventBatch& batch_;
  const WallTime received_at_;
  Known known_;
  std::vector<std::string> truncated_groups_;
  std::optional<TargetId> only_;
  bool is_last_use_ = false;   // of the event: nothing reads its texts after put()
  bool is_looked_at_ = false;  // the target itself has said that it is a new fault, whatever the times are
  std::unordered_set<std::string> mentioned_;
  IngestReply reply_;
};

}  // namespace

Result<IngestReply> take_in(Ledger& ledger, Jobs& jobs, const World& world, EventBatch& batch, WallTime received_at) {
  HEAL_TRY(Known known, look_up(ledger, batch));
  return Intake(ledger, jobs, world, batch, received_at, std::move(known)).run();
}

std::string take_request(Ledger& ledger, Jobs& jobs, const World& world, SourceEvent request, WallTime received_at) {
  EventBatch batch;
  batch.source = request.source;
  batch.events.push_back(std::move(request));
  return Intake(ledger, jobs, world, batch, received_at, {}).run().incidents.front();
}

Result<std::vector<Episode>> newer_evidence(Ledger& ledger, const std::string& incident_id) {
  const OpenIncident* open = ledger.find(incident_id);
  if (open == nullptr) return std::vector<Episode>();
  HEAL_TRY(std::vector<Episode> newer, ledger.unresolved_of(incident_id));
  // What was known before the heal is no new fault, whatever became of the clock since.
  const auto& keys = open->incident.episode_keys;
  const auto last = std::find(keys.begin(), keys.end(), open->progress.last_healed);
  const auto healed = last == keys.end() ? keys.begin() : last + 1;
  std::erase_if(newer, [&](const Episode& episode) {
    return episode.source == words::kManual ||
           std::max(episode.starts_at, episode.received_at) <= open->incident.times.verified_at ||
           std::find(keys.begin(), healed, episode.key) != healed;
  });
  return newer;
}

namespace {

/// What an incident keeps of its evidence may have been over before the rest went over to another.
Status note_resolved(Ledger& ledger, const std::string& incident_id) {
  const Incident& incident = ledger.find(incident_id)->incident;
  if (incident.times.resolved_at || ledger.has_unresolved(incident_id)) return {};
  HEAL_TRY(const auto episodes, ledger.episodes({incident.episode_keys.begin(), incident.episode_keys.end()}));
  std::optional<WallTime> last;
  for (const Episode& episode : episodes) {
    if (episode.incident_id == incident_id) last = std::max(last, episode.resolved_at);
  }
  if (last) ledger.edit(incident_id).incident.times.resolved_at = last;
  return {};
}

}  // namespace

Status take_again(Ledger& ledger, Jobs& jobs, const World& world, const std::string& incident_id,
                  const std::vector<Episode>& newer) {
  const OpenIncident* open = ledger.find(incident_id);
  if (newer.empty() || open == nullptr || !open->incident.target || !is_terminal(open->incident.state)) return {};
  const TargetId target = *open->incident.target;
  const auto verified_at = open->incident.times.verified_at;
  // Where the target itself says that it is bad again, what came after the heal is not late, whatever its times are.
  const bool is_bad = open->incident.reason == "relapsed";
  const auto truncated_groups = open->progress.truncated_groups;
  EventBatch nothing;
  Known known;
  for (const Episode& episode : newer)
    known.episodes.emplace(episode.key, episode);
  Intake intake(ledger, jobs, world, nothing, ledger.clock().now(), std::move(known));
  for (const Episode& episode : newer) {
    if (is_bad || episode.starts_at > verified_at) intake.take_again(episode, target, truncated_groups);
  }
  return note_resolved(ledger, incident_id);
}

Status take_late(Ledger& ledger, Jobs& jobs, const World& world, const LateEvidence& late) {
  HEAL_TRY(const auto episode, ledger.episode(late.episode_key));
  if (!episode || episode->resolved_at) return {};
  if (ledger.open_on(late.target.str()) != nullptr) return {};  // its next repetition joins that one
  const std::string healed_in = episode->incident_id;
  if (!healed_in.empty()) {
    HEAL_TRY(const auto healed, ledger.incident(healed_in));
    if (!healed || healed->state != IncidentState::kClosed) return {};
  }
  EventBatch nothing;
  Known known;
  known.episodes.emplace(episode->key, *episode);
  Intake(ledger, jobs, world, nothing, ledger.clock().now(), std::move(known))
      .take_again(*episode, late.target, late.truncated_groups);
  const OpenIncident* begun = ledger.open_on(late.target.str());
  if (healed_in.empty() || begun == nullptr) return {};
  ledger.append(
      begun->incident.id, "again",
      fmt::format("the alert has fired on since incident {} healed the target, which is bad again", healed_in),
      {{"healed_in", healed_in}});
  return {};
}

std::string further_key(const std::string& key, std::size_t n) {
  return fmt::format("{}#{}", key, n);
}

}  // namespace heal::remedy
