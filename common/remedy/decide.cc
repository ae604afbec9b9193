#include "common/remedy/decide.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/remedy/control_changes.h"
#include "common/remedy/elapsed.h"
#include "common/remedy/escalate.h"
#include "common/remedy/record.h"
#include "common/remedy/truncation.h"
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

IncidentEvent incident_event_of(Verdict::Kind kind) {
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
    if (!dossier_->type.empty() && open.incident.type == words::kAlertType) open.incident.type = dossier_->type;
    if (!open.incident.times.failed_at) open.incident.times.failed_at = dossier_->failed_at;
    if (!open.incident.exit_code) open.incident.exit_code = dossier_->exit_code;
    if (open.incident.failure_reason.empty()) open.incident.failure_reason = dossier_->failure_reason;
    if (dossier_->drill && open.incident.drill.empty()) note_drill(open.incident, *dossier_->drill);
    if (dossier_->container && open.progress.container_id.empty()) open.progress.container_id = dossier_->container->id;
    if (dossier_->plan) open.progress.group = dossier_->plan->group;
    open.progress.wake_at.reset();
    if (dossier_->plan && !open.progress.ladder) open.progress.ladder = Ladder{dossier_->plan->escalate, 0, false};
  }

  void note_drill(Incident& incident, const FaultLease& lease) {
    incident.drill = lease.id;
    ledger_.append(id_, "drill",
                   fmt::format("a drill: {} injected fault {} into it, until {}", printable(lease.owner, 100),
                               lease.kind, format_rfc3339(lease.deadline)),
                   {{"lease", lease.id},
                    {"fault", lease.kind},
                    {"owner", lease.owner},
                    {"until", to_json_value(lease.deadline)},
                    {"pages", lease.pages}});
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
    const bool is_climbed = obstacle.event == IncidentEvent::kRefuse && has_another_way(obstacle.reason);
    if (obstacle.stage != words::kPlanStage && !is_climbed) obstacle.event = lasting(obstacle.event);
    std::optional<WallTime> until;
    if (obstacle.event == IncidentEvent::kHold) until = next_question();
    const Json data{{"result", word_of(obstacle.event)},
                    {"guard", obstacle.stage},
                    {"reason", obstacle.reason},
                    {"message", printable(obstacle.message, 500)},
                    {"until", to_json_value(until)}};
    if (is_climbed) {
      note_no(obstacle.event, obstacle.stage, obstacle.message, data);
      return go_another_way(obstacle.reason, obstacle.message);
    }
    settle(obstacle.event, obstacle.stage, obstacle.reason, obstacle.message, until, data);
  }

  void rule_by_guards() {
    watch_storm(ledger_, dossier_->world->bundle.config.safety.storm);
    Decision decision = decide(ledger_, case_, *dossier_);
    Verdict& verdict = decision.decisive;
    if (verdict.kind == Verdict::Kind::kHold && is_manual()) verdict.kind = Verdict::Kind::kRefuse;
    const Json data = remedy::to_json(decision, *dossier_);
    show_population(decision);
    move_breaker(decision);
    if (verdict.kind == Verdict::Kind::kAllow) return start(data);
    if (verdict.kind == Verdict::Kind::kShadow) return shadow(verdict, data);
    if (verdict.kind == Verdict::Kind::kAsk) return ask_people(verdict, data);
    if (verdict.kind == Verdict::Kind::kRefuse && has_another_way(verdict.reason)) {
      note_no(IncidentEvent::kRefuse, verdict.guard, verdict.message, data);
      return go_another_way(verdict.reason, verdict.message);
    }
    const bool is_final = verdict.guard == words::kModeGuard;  // people have had their time to agree
    const IncidentEvent event = is_final ? incident_event_of(verdict.kind) : lasting(incident_event_of(verdict.kind));
    if (event == IncidentEvent::kHold && !verdict.until) verdict.until = next_question();
    settle(event, verdict.guard, verdict.reason, verdict.message, verdict.until, data);
  }

  /// What the population guard has counted.
  void show_population(const Decision& decision) {
    for (const Verdict& verdict : decision.verdicts) {
      if (verdict.guard != words::kPopulationGuard || !verdict.population) continue;
      ledger_.effect([&metrics = ledger_.metrics(), count = *verdict.population] {
        metrics.population.at({count.group}).set(static_cast<double>(count.members));
        metrics.population_unhealthy.at({count.group}).set(static_cast<double>(count.unhealthy));
      });
    }
  }

  /// What the guards found out about the breaker of this playbook and target.
  void move_breaker(const Decision& decision) {
    const std::string target = incident().target->str();
    const Verdict& decisive = decision.decisive;
    if (decisive.reason == words::kBudgetExhausted || decisive.reason == words::kFlapping) {
      open_breaker(ledger_,
                   {incident().playbook, target, decisive.reason, decisive.message, id_, ledger_.clock().now()});
    }
    for (const Verdict& verdict : decision.verdicts) {
      if (verdict.reason == words::kNewProblem) close_breaker(ledger_, incident().playbook, target, verdict.message);
    }
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
    note_no(event, guard, message, data);
    if (ledger_.move(id_, event, reason, printable(message, 500))) return;
    incident().reason = reason;  // held for another reason than before
    incident().message = printable(message, 500);
  }

  void note_no(IncidentEvent event, const std::string& guard, const std::string& message, const Json& data) {
    note_plan();
    note_decision(fmt::format("{}: {}: {}", guard, word_of(event), printable(message, 500)), data);
    count_decision(ledger_, ledger_, incident().playbook, word_of(event), guard);
  }

  static bool is_used_up(const std::string& reason) {
    return reason == words::kBudgetExhausted || reason == words::kBreakerOpen || reason == words::kFlapping;
  }

  /// Whether a refusal is the ladder's business. A rung that cannot be climbed is passed over, so that a failed heal
  /// ends with a human when its ladder says so. A first rung is given up for a human only because the attempts are used
  /// up.
  bool has_another_way(const std::string& reason) const {
    const auto& ladder = ledger_.find(id_)->progress.ladder;
    if (!ladder || reason == "silenced" || reason == "inhibited") return false;
    if (ladder->next > 0) return true;
    const auto& rungs = ladder->rungs;
    return is_used_up(reason) && std::find(rungs.begin(), rungs.end(), playbook::kPageRung) != rungs.end();
  }

  void go_another_way(const std::string& reason, const std::string& message) {
    const bool is_first = ledger_.find(id_)->progress.ladder->next == 0;
    const Rungs rungs = is_first || is_used_up(reason) ? Rungs::kPageOnly : Rungs::kAll;
    const std::string told = printable(message, 500);
    if (!escalate(ledger_, id_, rungs, reason, told)) ledger_.move(id_, IncidentEvent::kFail, reason, told);
  }

  void ask_people(const Verdict& verdict, const Json& data) {
    note_plan();
    Progress& progress = ledger_.edit(id_).progress;
    const std::string& hash = dossier_->plan->hash;
    if (!progress.approval || progress.approval->plan_hash != hash)
      progress.approval = Approval{hash, *verdict.until, dossier_->plan->approval.approvers, {}};
    progress.wake_at = progress.approval->expires_at;
    note_decision(fmt::format("{}: {}", verdict.guard, verdict.message), data);
    if (!ledger_.move(id_, IncidentEvent::kAwait, verdict.reason, verdict.message)) {
      incident().reason = verdict.reason;  // asked about another plan than before
      incident().message = printable(verdict.message, 500);
    }
    count_decision(ledger_, ledger_, incident().playbook, words::kAsk, verdict.guard);
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
    if (incident().attempt > 0 && has_another_way(verdict.reason)) {
      go_another_way(verdict.reason, verdict.message);
    } else {
      ledger_.move(id_, IncidentEvent::kClose, verdict.reason, verdict.message);
    }
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
    open.progress.hold(lock_targets(*dossier_->plan));
    ledger_.lease_locks(id_, lock_ttl(*dossier_->plan));
    open.progress.called_off.reset();
    keep_version(open);
    open.progress.is_counted = false;  // until something is begun
    ledger_.move(id_, IncidentEvent::kStart, "allowed", "every guard allows it; running the steps");
    count_decision(ledger_, ledger_, open.incident.playbook, words::kAllow, std::string(words::kNoGuard));
    const Duration age = elapsed(case_.origin.starts_at, ledger_.clock().now());
    ledger_.effect([&ledger = ledger_, &jobs = jobs_, id = id_, dossier = dossier_, age, begun = begin_first_step()] {
      ledger.metrics().time_to_decide.observe(age);
      jobs.run(id, dossier, begun);
    });
  }

  /// One commit less between the decision and the action.
  std::optional<FirstLook> begin_first_step() {
    const auto& look = dossier_->first_look;
    if (!look || !jobs_.begins_at_once()) return std::nullopt;
    StepIntent intent = make_intent(id_, incident().attempt, *dossier_->plan, {StepRole::kStep, 0}, 1, look->before,
                                    ledger_.clock().now());
    intent.is_first = true;
    if (!record_intent(ledger_, intent, std::nullopt).has_value()) return std::nullopt;
    return look;
  }

  /// What runs goes on with the playbook as it is now, whatever becomes of the file.
  void keep_version(OpenIncident& open) {
    const auto* book = dossier_->playbook.get();
    if (book == nullptr || book->text.empty()) return;
    open.progress.playbook_version = sha256_hex(book->text);
    ledger_.write(PutValue{playbook_key(open.progress.playbook_version), book->text});
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
  // What another incident's steps have had in their hands since may have ended by them.
  const OwnAction* own = open.incident.target ? ledger.own_action(open.incident.target->str()) : nullptr;
  const bool is_anothers = own != nullptr && own->incident_id != open.incident.id;
  if (is_anothers) subject.progress.has_started_target = subject.progress.has_died = false;
  HEAL_TRY(subject.episodes, ledger.unresolved_of(open.incident.id, kMostEpisodeKeys));
  if (!open.incident.episode_keys.empty()) {
    HEAL_TRY(auto origin, ledger.episode(open.incident.episode_keys.front()));
    if (origin) subject.origin = std::move(*origin);
  }
  return subject;
}

std::vector<std::string> lock_targets(const playbook::Plan& plan) {
  std::vector<std::string> targets{plan.target.str()};
  const auto add = [&](const playbook::PlannedStep& step) {
    if (step.effect != playbook::Effect::kChanges || !step.target) return;
    const std::string target = step.target->str();
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
  };
  for (const auto& step : plan.steps) {
    add(step);
    std::for_each(step.undo.begin(), step.undo.end(), add);
  }
  if (plan.on_resolved) std::for_each(plan.on_resolved->steps.begin(), plan.on_resolved->steps.end(), add);
  return targets;
}

Duration lock_ttl(const playbook::Plan& plan) {
  Duration longest{};
  // Every try shows life at its begin and its end: the longest silence is looking, acting, and the pause after it.
  const auto take = [&](const playbook::PlannedStep& step) {
    longest = std::max(longest, step.timeout * 2 + step.retry.pause_after(step.retry.attempts));
  };
  for (const auto& step : plan.steps) {
    take(step);
    std::for_each(step.undo.begin(), step.undo.end(), take);
  }
  if (plan.on_resolved) std::for_each(plan.on_resolved->steps.begin(), plan.on_resolved->steps.end(), take);
  // Verification may follow without a word in between, also when it has to find out what became of a step.
  return longest + (plan.verify ? plan.verify->within : Duration{}) + 1min;
}

GuardSnapshot snapshot_of(const Ledger& ledger, const Case& subject, const Dossier& dossier) {
  const std::string& id = subject.incident.id;
  const std::string target = subject.incident.target->str();
  const WallTime now = ledger.clock().now();
  return {now,
          subject,
          dossier,
          ledger.history(target),
          ledger.holders(lock_targets(*dossier.plan), id),
          ledger.controls(),
          ledger.in_flight(id),
          ledger.recent_targets(now, dossier.world->bundle.config.safety.storm.window),
          ledger.acted_ago(target),
          ledger.slots(),
          ledger.unseen_alerts(now, dossier.world->bundle.config.safety.storm.window),
          truncations_of(ledger, id, now)};
}

Decision decide(const Ledger& ledger, const Case& subject, const Dossier& dossier) {
  return ask_guards(snapshot_of(ledger, subject, dossier));
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
