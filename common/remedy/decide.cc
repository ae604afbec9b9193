#include "common/remedy/decide.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

Json to_json(const Verdict& verdict) {
  Json inputs = Json::array();
  for (const auto& [name, value] : verdict.inputs)
    inputs.push_back({{"name", name}, {"value", printable(value, 500)}});
  return {{"guard", verdict.guard},
          {"result", to_string(verdict.kind)},
          {"reason", verdict.reason},
          {"message", printable(verdict.message, 500)},
          {"until", to_json_value(verdict.until)},
          {"could_not_find_out", verdict.is_blind},
          {"inputs", std::move(inputs)}};
}

void count_decision(const Ledger& ledger, Ledger& batch, const std::string& playbook, std::string_view result,
                    const std::string& guard) {
  batch.effect([metrics = ledger.metrics(), playbook, result = std::string(result), guard] {
    metrics.decisions.at({playbook, result, guard}).increment();
  });
}

/// How soon a held incident is asked about again at first, and how rarely later.
constexpr Duration kSoonest = 1s;
constexpr Duration kLatest = 1min;

IncidentEvent event_of(Verdict::Kind kind) {
  if (kind == Verdict::Kind::kHold) return IncidentEvent::kHold;
  return kind == Verdict::Kind::kStale ? IncidentEvent::kStale : IncidentEvent::kRefuse;
}

std::string_view word_of(IncidentEvent event) {
  switch (event) {
    case IncidentEvent::kUnmatched:
      return words::kUnmatched;
    case IncidentEvent::kHold:
      return words::kHold;
    case IncidentEvent::kStale:
      return words::kStale;
    default:
      return words::kRefuse;
  }
}

/// One dossier on its way into the ledger.
class Ruling {
 public:
  Ruling(Ledger& ledger, Jobs& jobs, const std::string& id, std::shared_ptr<const Dossier> dossier, const Case& subject)
      : ledger_(ledger), jobs_(jobs), id_(id), dossier_(std::move(dossier)), case_(subject) {}

  void run() {
    take_facts();
    if (dossier_->obstacle) {
      rule_by_obstacle(*dossier_->obstacle);
    } else {
      rule_by_guards();
    }
    const Incident& incident = ledger_.find(id_)->incident;
    ledger_.effect([&jobs = jobs_, id = id_, incident] { jobs.tell_decided(id, incident); });
  }

 private:
  Incident& incident() { return ledger_.edit(id_).incident; }
  bool is_manual() const { return case_.origin.source == words::kManual; }

  void take_facts() {
    OpenIncident& open = ledger_.edit(id_);
    if (!dossier_->type.empty() && open.incident.type == "ALERT") open.incident.type = dossier_->type;
    if (!open.incident.times.failed_at) open.incident.times.failed_at = dossier_->failed_at;
    if (dossier_->container && open.progress.container_id.empty()) open.progress.container_id = dossier_->container->id;
    open.progress.wake_at.reset();
  }

  /// What says no now may say yes later: as long as its alerts fire, an incident is held and asked again. Only a plan
  /// that cannot be made ends it: that takes other files. A person's heal is never held.
  IncidentEvent lasting(IncidentEvent event) const {
    if (is_manual()) return event == IncidentEvent::kHold ? IncidentEvent::kRefuse : event;
    const bool is_no = event == IncidentEvent::kRefuse || event == IncidentEvent::kStale;
    return is_no && !case_.episodes.empty() ? IncidentEvent::kHold : event;
  }

  /// Soon at first, then ever more rarely.
  WallTime next_question() {
    const WallTime now = ledger_.clock().now();
    Progress& progress = ledger_.edit(id_).progress;
    if (!progress.held_since) progress.held_since = now;
    return now + std::clamp<Duration>((now - *progress.held_since) / 5, kSoonest, kLatest);
  }

  void rule_by_obstacle(Obstacle obstacle) {
    if (obstacle.stage != words::kPlanStage) obstacle.event = lasting(obstacle.event);
    std::optional<WallTime> until;
    if (obstacle.event == IncidentEvent::kHold) until = next_question();
    const Json data{{"result", word_of(obstacle.event)},
                    {"guard", obstacle.stage},
                    {"reason", obstacle.reason},
                    {"message", printable(obstacle.message, 500)},
                    {"until", to_json_value(until)}};
    settle(obstacle.event, obstacle.stage, obstacle.reason, obstacle.message, until, data);
  }

  void rule_by_guards() {
    Decision decision = decide(ledger_, case_, *dossier_);
    Verdict& verdict = decision.decisive;
    if (verdict.kind == Verdict::Kind::kHold && is_manual()) verdict.kind = Verdict::Kind::kRefuse;
    if (verdict.kind == Verdict::Kind::kAllow) return start(remedy::to_json(decision, *dossier_));
    if (verdict.kind == Verdict::Kind::kShadow) return shadow(verdict, remedy::to_json(decision, *dossier_));
    const IncidentEvent event = lasting(event_of(verdict.kind));
    if (event == IncidentEvent::kHold && !verdict.until) verdict.until = next_question();
    settle(event, verdict.guard, verdict.reason, verdict.message, verdict.until, remedy::to_json(decision, *dossier_));
  }

  void note_decision(const std::string& message, const Json& data) {
    incident().times.decided_at = ledger_.clock().now();
    ledger_.append(id_, "decision", message, data);
  }

  /// Everything but acting.
  void settle(IncidentEvent event, const std::string& guard, const std::string& reason, const std::string& message,
              std::optional<WallTime> until, const Json& data) {
    const bool is_same_hold =
        event == IncidentEvent::kHold && incident().state == IncidentState::kHeld && incident().reason == reason;
    if (event == IncidentEvent::kHold) ledger_.edit(id_).progress.wake_at = until;
    if (is_same_hold) {
      incident().message = printable(message, 500);
      return;
    }
    note_plan();
    note_decision(fmt::format("{}: {}: {}", guard, word_of(event), printable(message, 500)), data);
    if (!ledger_.move(id_, event, reason, printable(message, 500))) {
      incident().reason = reason;  // held for another reason than before
      incident().message = printable(message, 500);
    }
    count_decision(ledger_, ledger_, incident().playbook, word_of(event), guard);
  }

  void note_plan() {
    if (!dossier_->plan || incident().plan_hash == dossier_->plan->hash) return;
    incident().plan_hash = dossier_->plan->hash;
    Json plan;
    if (auto parsed = parse_json(dossier_->plan->canonical); parsed.has_value()) plan = std::move(*parsed);
    ledger_.append(id_, "planned",
                   fmt::format("{} step(s) of playbook {}", dossier_->plan->steps.size(), dossier_->plan->playbook),
                   {{"plan_hash", dossier_->plan->hash},
                    {"mode", playbook::to_string(dossier_->plan->mode)},
                    {"plan", std::move(plan)}});
  }

  void shadow(const Verdict& verdict, const Json& data) {
    note_plan();
    ledger_.move(id_, IncidentEvent::kPlan, "planned", "a plan was made");
    note_decision(fmt::format("{}: {}", verdict.guard, verdict.message), data);
    ledger_.move(id_, IncidentEvent::kClose, verdict.reason, verdict.message);
    count_decision(ledger_, ledger_, incident().playbook, words::kShadow, verdict.guard);
  }

  void start(const Json& data) {
    note_plan();
    ledger_.move(id_, IncidentEvent::kPlan, "planned", "a plan was made");
    note_decision("every guard allows it", data);
    OpenIncident& open = ledger_.edit(id_);
    ++open.incident.attempt;
    open.progress.held_since.reset();
    if (dossier_->container) open.progress.container_id = dossier_->container->id;
    open.progress.locks = lock_targets(*dossier_->plan);
    const std::string target = open.incident.target->str();
    TargetHistory history = ledger_.history(target);
    history.began(ledger_.clock().now());
    ledger_.put_history(target, std::move(history));
    ledger_.move(id_, IncidentEvent::kStart, "allowed", "every guard allows it; running the steps");
    count_decision(ledger_, ledger_, open.incident.playbook, words::kAllow, std::string(words::kNoGuard));
    const Duration age = ledger_.clock().now() - case_.origin.starts_at;
    ledger_.effect([&ledger = ledger_, &jobs = jobs_, id = id_, dossier = dossier_, age] {
      ledger.metrics().time_to_decide.observe(std::max(age, Duration{}));
      jobs.run(id, dossier);
    });
  }

  Ledger& ledger_;
  Jobs& jobs_;
  const std::string id_;
  const std::shared_ptr<const Dossier> dossier_;
  const Case& case_;
};

}  // namespace

Result<Case> case_of(Ledger& ledger, const OpenIncident& open) {
  Case subject;
  subject.incident = open.incident;
  subject.progress = open.progress;
  subject.episodes = ledger.unresolved_of(open);
  if (!open.incident.episode_keys.empty()) {
    HEAL_TRY(auto origin, ledger.episode(open.incident.episode_keys.front()));
    if (origin) subject.origin = std::move(*origin);
  }
  return subject;
}

std::vector<std::string> lock_targets(const playbook::Plan& plan) {
  std::vector<std::string> targets{plan.target.str()};
  for (const auto& step : plan.steps) {
    if (step.effect != playbook::Effect::kChanges || !step.target) continue;
    const std::string target = step.target->str();
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
  }
  return targets;
}

Decision decide(const Ledger& ledger, const Case& subject, const Dossier& dossier) {
  const GuardSnapshot snapshot{ledger.clock().now(), subject, dossier, ledger.history(subject.incident.target->str()),
                               ledger.holders(lock_targets(*dossier.plan), subject.incident.id)};
  return ask_guards(snapshot);
}

Json to_json(const Decision& decision, const Dossier& dossier) {
  Json guards = Json::array();
  for (const Verdict& verdict : decision.verdicts)
    guards.push_back(to_json(verdict));
  return {{"result", to_string(decision.decisive.kind)},
          {"guard", decision.decisive.guard},
          {"reason", decision.decisive.reason},
          {"message", printable(decision.decisive.message, 500)},
          {"until", to_json_value(decision.decisive.until)},
          {"gathered_at", format_rfc3339_nano(dossier.gathered_at)},
          {"plan_hash", dossier.plan ? Json(dossier.plan->hash) : Json()},
          {"guards", std::move(guards)}};
}

void apply_dossier(Ledger& ledger, Jobs& jobs, const std::string& incident_id, std::shared_ptr<const Dossier> dossier,
                   const Case& subject) {
  Ruling(ledger, jobs, incident_id, std::move(dossier), subject).run();
}

}  // namespace heal::remedy
