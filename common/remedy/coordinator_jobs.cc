#include <utility>

#include "common/base/text.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/either_stop.h"
#include "common/remedy/intake.h"
#include "common/remedy/resume.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

// What workers do for the coordinator, and how they report.

namespace heal::remedy {
namespace {

/// Before an investigation is tried again that could not read the store.
constexpr Duration kStorePause = 5s;

bool is_undecided(IncidentState state) {
  return state == IncidentState::kReceived || state == IncidentState::kHeld || state == IncidentState::kPlanned ||
         state == IncidentState::kAwaitingApproval;
}

/// Whether the target that the plan's steps have started must not be dead: until the heal has held, and afterwards when
/// the engine itself tells of its death.
bool must_run(const Case& subject, const playbook::Plan& plan) {
  const auto is_told = [&](const Episode& episode) {
    return episode.source == words::kDocker && episode.starts_at > subject.incident.times.verified_at;
  };
  return subject.progress.has_started_target ||
         (leaves_started(plan) && std::any_of(subject.episodes.begin(), subject.episodes.end(), is_told));
}

/// From the first step on.
RunOrder first_order(const OpenIncident& open, std::optional<FirstLook> begun) {
  RunOrder order;
  order.incident_id = open.incident.id;
  order.attempt = open.incident.attempt;
  order.container_id = open.progress.container_id;
  order.begun = std::move(begun);
  return order;
}

/// Nobody reports a step whose intent was refused, but for one that found a target locked (kUnavailable).
void count_refusal(Ledger& ledger, const StepIntent& intent, ErrorCode why) {
  if (why == ErrorCode::kRefused || why == ErrorCode::kCancelled)
    ledger.count_action(intent.playbook, intent.kind, words::kRefused);
  if (why == ErrorCode::kConflict) ledger.count_action(intent.playbook, intent.kind, words::kSkipped);
}

}  // namespace

/// Sends what a running plan reports to the coordinator and waits until it is durable.
class Coordinator::Reporter final : public RunJournal {
 public:
  Reporter(Coordinator& owner, std::string incident_id) : owner_(owner), incident_id_(std::move(incident_id)) {}

  Status intent(const StepIntent& intent) override {
    return owner_.post_and_wait([&owner = owner_, intent]() -> Status {
      std::optional<CallOff> call_off;
      // The batch's own: no step begins with the commit that says that the lever is engaged.
      if (auto objection = owner.objection_of(owner.ledger_.controls().lever))
        call_off = CallOff{std::string(words::kLeverEngaged), std::move(*objection)};
      const Status status = record_intent(owner.ledger_, intent, call_off);
      if (!status.has_value()) count_refusal(owner.ledger_, intent, status.error().code());
      return status;
    });
  }
  Status outcome(const StepReport& report) override {
    return owner_.post_and_wait(
        [&owner = owner_, id = incident_id_, report] { return record_outcome(owner.ledger_, id, report); });
  }
  Status note(const std::string& kind, const std::string& message, const std::string& data) override {
    return owner_.post_and_wait([&owner = owner_, id = incident_id_, kind, message, data] {
      return record_note(owner.ledger_, id, kind, message, data);
    });
  }

 private:
  Coordinator& owner_;
  const std::string incident_id_;
};

bool Coordinator::is_too_old(const Dossier& dossier) const {
  return tools_.clock.steady_now() - dossier.ready_at > kEvidencePatience;
}

/// For a worker that has investigated: it goes on with the run itself, with no queue between.
class Coordinator::Successor final : public Jobs {
 public:
  explicit Successor(Coordinator& owner) : owner_(owner) {}

  void investigate(const std::string& incident_id) override { owner_.investigate(incident_id); }
  bool begins_at_once() const override { return !owner_.is_draining_.load() && !owner_.lever_objection(); }
  void run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier,
           std::optional<FirstLook> begun) override {
    const OpenIncident* open = owner_.ledger_.find(incident_id);
    if (open == nullptr) return;
    RunOrder order = first_order(*open, std::move(begun));
    if (owner_.complete(order, dossier)) order_ = std::move(order);
  }
  void tell_decided(const std::string& incident_id, const Incident& incident) override {
    owner_.tell_decided(incident_id, incident);
  }

  /// What was decided to be run; to be read once the decision is durable.
  const std::optional<RunOrder>& order() const { return order_; }

 private:
  Coordinator& owner_;
  std::optional<RunOrder> order_;
};

void Coordinator::retry_later(const std::string& incident_id, const Error& error) {
  logger_.warn("an incident could not be gone on with; trying again", {{"incident", incident_id}, {"err", error}});
  retries_[incident_id] = tools_.clock.deadline_in(kStorePause);
}

void Coordinator::investigate(const std::string& incident_id) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr) return;
  auto subject = case_of(ledger_, *open);
  if (!subject.has_value()) {
    return retry_later(incident_id, subject.error());
  }
  submit(incident_id, [this, incident_id, subject = std::move(*subject), world = world_.get()](std::stop_token stop) {
    const EitherStop either(stop, drain_.get_token());
    const auto dossier =
        std::make_shared<const Dossier>(remedy::investigate(subject, world, tools_, store_, either.token()));
    if (either.token().stop_requested()) return;
    Successor successor(*this);
    post_until_durable(
        [this, incident_id, dossier, &successor] { return take_dossier(incident_id, dossier, successor); }, stop);
    if (successor.order()) run_order(*successor.order(), std::move(stop));
  });
}

Status Coordinator::take_dossier(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier,
                                 Jobs& jobs) {
  const OpenIncident* now = ledger_.find(incident_id);
  if (now == nullptr || !is_undecided(now->incident.state)) return {};
  if (is_too_old(*dossier)) {
    ledger_.effect([this, incident_id] { investigate(incident_id); });
    return {};
  }
  HEAL_TRY(const Case current, case_of(ledger_, *now));
  apply_dossier(ledger_, jobs, incident_id, dossier, current);
  return {};
}

void Coordinator::run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier,
                      std::optional<FirstLook> begun) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open != nullptr) start_run(first_order(*open, std::move(begun)), dossier);
}

void Coordinator::start_run(RunOrder order, const std::shared_ptr<const Dossier>& dossier) {
  if (!complete(order, dossier)) return;
  const std::string id = order.incident_id;
  submit(id, [this, order = std::move(order)](std::stop_token stop) { run_order(order, std::move(stop)); });
}

/// Adds what every order needs; false when the incident is not open any more.
bool Coordinator::complete(RunOrder& order, const std::shared_ptr<const Dossier>& dossier) {
  const OpenIncident* open = ledger_.find(order.incident_id);
  if (open == nullptr) return false;
  order.world = dossier->world;
  order.plan = dossier->plan;
  order.evidence_at = dossier->ready_at;
  const std::string id = order.incident_id;
  order.episodes = [this, id] { return episodes_of(id); };
  dossiers_[id] = dossier;
  std::stop_source& called_off = called_off_[id];
  if (called_off.stop_requested()) called_off = std::stop_source();
  if (open->progress.called_off) called_off.request_stop();
  order.called_off = called_off.get_token();
  return true;
}

void Coordinator::run_order(RunOrder order, std::stop_token stop) {
  const Gauge inflight = metrics_.inflight.at({order.plan->playbook});
  inflight.add(1);
  const RunEnd end = run_to_end(order, stop);
  if (end.event) {
    post_until_durable(
        [&]() -> Status {
          HEAL_TRY(const auto newer, newer_evidence(ledger_, order.incident_id));
          HEAL_TRY_STATUS(record_run_end(ledger_, order.incident_id, end));
          if (order.part != StepRole::kResolved) return {};
          return take_again(ledger_, *this, *world_.get(), order.incident_id, newer);
        },
        stop);
  }
  inflight.add(-1);
}

/// Steps, verification and undos; without an event when it was recorded already, or when the service is stopping.
RunEnd Coordinator::run_to_end(RunOrder& order, std::stop_token stop) {
  Reporter reporter(*this, order.incident_id);
  if (order.part == StepRole::kUndo) return execute_undo(order, tools_, reporter, is_draining_, stop);
  RunResult result = execute(order, tools_, reporter, is_draining_, stop);
  RunEnd end = std::move(result.end);
  if (!end.event) return end;
  if (order.part == StepRole::kResolved) return after_end(std::move(end));
  if (*end.event == IncidentEvent::kStepsDone) {
    if (!post_until_durable([&] { return record_steps_done(ledger_, order.incident_id, end, *order.plan); }, stop))
      return {};
    end = run_verification(order, stop);
  }
  const bool is_wanted = end.undo == RunEnd::Undo::kAlways ||
                         (end.undo == RunEnd::Undo::kByPolicy && order.plan->on_failure == playbook::OnFailure::kUndo);
  if (!end.event || !is_wanted || result.done.empty()) return end;
  std::vector<std::string> names;
  for (auto it = result.done.rbegin(); it != result.done.rend(); ++it)
    names.push_back(order.plan->steps[it->index].name);
  if (!post_until_durable([&] { return record_undoing(ledger_, order.incident_id, end, names, order.undoing); }, stop))
    return {};
  order.part = StepRole::kUndo;
  order.done = std::move(result.done);
  order.half_done.reset();
  order.begun.reset();
  return execute_undo(order, tools_, reporter, is_draining_, std::move(stop));
}

/// How verification ended; without an event when it passed (recorded then) or the service is stopping.
RunEnd Coordinator::run_verification(const RunOrder& run, std::stop_token stop) {
  const std::string& id = run.incident_id;
  const EitherStop draining(stop, drain_.get_token());
  const EitherStop either(draining.token(), run.called_off);
  Reporter reporter(*this, id);
  VerifyOrder order{*run.plan, *run.world, [&] { return episodes_of(id); }, std::nullopt, false};
  if (!post_until_durable(
          [&]() -> Status {
            if (const OpenIncident* open = ledger_.find(id)) {
              order.stepped_at = open->progress.stepped_at;
              order.has_started_target = open->progress.has_started_target;
            }
            return {};
          },
          stop))
    return {};
  const auto on_change = [&](const VerifyRound& round) {
    if (round.answer == Answer::kPass) return;
    // For the story only: a line that cannot be written is not worth waiting for.
    (void)reporter.note("verify", "not yet: " + round.message, round_json(round));
  };
  const auto round = verify(order, tools_, on_change, either.token());
  if (!round) {
    if (draining.token().stop_requested()) return {};
    return {IncidentEvent::kCancel, "", "", RunEnd::Undo::kByPolicy};
  }
  if (round->answer == Answer::kPass) {
    const WallTime proven_at = tools_.clock.now();
    post_until_durable([&] { return record_verified(ledger_, id, *round, *run.plan, proven_at); }, stop);
    return {};
  }
  if (!post_until_durable([&] { return record_round(ledger_, id, *round); }, stop)) return {};
  if (round->answer == Answer::kUnknown)
    return {IncidentEvent::kFail, "verify_unknown", "could not find out whether it helped: " + round->message};
  return {IncidentEvent::kFail, std::string(words::kNotVerified), "it did not help: " + round->message,
          RunEnd::Undo::kByPolicy};
}

std::vector<Episode> Coordinator::episodes_of(const std::string& incident_id) {
  auto episodes = store_.episodes_of(incident_id);
  return episodes.has_value() ? std::move(*episodes) : std::vector<Episode>();
}

void Coordinator::look_again(const LateEvidence& late) {
  workers_.submit([this, late, world = world_.get()](std::stop_token stop) {
    const EitherStop either(stop, drain_.get_token());
    const auto episode = store_.episode(late.episode_key);
    if (!episode.has_value() || !*episode || (*episode)->resolved_at) return;
    Case subject;
    subject.origin = **episode;
    subject.episodes = {subject.origin};
    subject.incident.target = late.target;
    subject.incident.playbook = late.playbook;
    subject.progress.params = late.params;
    const Dossier dossier = remedy::investigate(subject, world, tools_, store_, either.token());
    if (dossier.obstacle || !dossier.plan) return;
    // Without the alert, which is what is in doubt.
    const auto round = still_healthy({*dossier.plan, *world, {}, late.heal.verified_at}, tools_, either.token());
    if (!round || round->answer != Answer::kFail) return;
    post_until_durable([&] { return take_late(ledger_, *this, *world, late); }, stop);
  });
}

void Coordinator::settle(const std::string& incident_id) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr) return;
  auto subject = case_of(ledger_, *open);
  if (!subject.has_value()) return retry_later(incident_id, subject.error());
  auto it = dossiers_.find(incident_id);
  auto known = it == dossiers_.end() ? nullptr : it->second;
  submit(incident_id, [this, incident_id, subject = std::move(*subject), known,
                       world = world_.get()](std::stop_token stop) mutable {
    const EitherStop either(stop, drain_.get_token());
    if (known == nullptr) {
      known = std::make_shared<const Dossier>(remedy::investigate(subject, world, tools_, store_, either.token()));
    }
    VerifyRound round{Answer::kUnknown, "the playbook is not what it was when the heal was planned", {}};
    if (known->plan && known->plan->hash == subject.incident.plan_hash) {
      const VerifyOrder order{*known->plan, *known->world, [&] { return episodes_of(incident_id); },
                              subject.progress.stepped_at, must_run(subject, *known->plan)};
      auto looked = still_healthy(order, tools_, either.token());
      if (!looked) return;
      round = std::move(*looked);
    }
    post_until_durable(
        [&]() -> Status {
          HEAL_TRY(const auto newer, newer_evidence(ledger_, incident_id));
          HEAL_TRY_STATUS(record_settled(ledger_, incident_id, round));
          if (known->plan && known->plan->hash == subject.incident.plan_hash) {
            check_resolved(incident_id, known);
          } else {
            const std::string& why = known->obstacle ? known->obstacle->message : "the playbook is another by now";
            record_resolved_later(
                ledger_, incident_id, "on_resolved_impossible",
                fmt::format("every alert has resolved, and on_resolved cannot be run: {}", printable(why, 400)));
          }
          return take_again(ledger_, *this, *world_.get(), incident_id, newer);
        },
        stop);
  });
}

}  // namespace heal::remedy
