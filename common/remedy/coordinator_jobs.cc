#include <utility>

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
  return state == IncidentState::kReceived || state == IncidentState::kHeld || state == IncidentState::kPlanned;
}

}  // namespace

/// Sends what a running plan reports to the coordinator and waits until it is durable.
class Coordinator::Reporter final : public RunJournal {
 public:
  Reporter(Coordinator& owner, std::string incident_id) : owner_(owner), incident_id_(std::move(incident_id)) {}

  Status intent(const StepIntent& intent) override {
    return owner_.post_and_wait([&owner = owner_, intent] { return record_intent(owner.ledger_, intent); });
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

void Coordinator::retry_later(const std::string& incident_id, const Error& error) {
  logger_.warn("an incident could not be read; trying again", {{"incident", incident_id}, {"err", error}});
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
    post_until_durable(
        [this, incident_id, dossier]() -> Status {
          const OpenIncident* now = ledger_.find(incident_id);
          if (now == nullptr || !is_undecided(now->incident.state)) return {};
          HEAL_TRY(const Case current, case_of(ledger_, *now));
          apply_dossier(ledger_, *this, incident_id, dossier, current);
          return {};
        },
        stop);
  });
}

void Coordinator::run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr) return;
  RunOrder order;
  order.incident_id = incident_id;
  order.attempt = open->incident.attempt;
  order.container_id = open->progress.container_id;
  start_run(std::move(order), dossier);
}

void Coordinator::start_run(RunOrder order, const std::shared_ptr<const Dossier>& dossier) {
  order.world = dossier->world;
  order.plan = dossier->plan;
  const std::string id = order.incident_id;
  order.episodes = [this, id] { return episodes_of(id); };
  dossiers_[id] = dossier;
  submit(id, [this, order = std::move(order), dossier](std::stop_token stop) { run_order(order, *dossier, stop); });
}

void Coordinator::run_order(const RunOrder& order, const Dossier& dossier, std::stop_token stop) {
  const Gauge inflight = metrics_.inflight.at({dossier.plan->playbook});
  inflight.add(1);
  Reporter reporter(*this, order.incident_id);
  const RunEnd end = execute(order, tools_, reporter, is_draining_, stop);
  const bool is_recorded =
      end.event && post_until_durable([&] { return record_run_end(ledger_, order.incident_id, end); }, stop);
  if (is_recorded && end.event == IncidentEvent::kStepsDone) run_verification(order.incident_id, dossier, stop);
  inflight.add(-1);
}

void Coordinator::run_verification(const std::string& incident_id, const Dossier& dossier, std::stop_token stop) {
  const EitherStop either(stop, drain_.get_token());
  Reporter reporter(*this, incident_id);
  VerifyOrder order{*dossier.plan, *dossier.world, [&] { return episodes_of(incident_id); }, std::nullopt};
  if (!post_until_durable(
          [&]() -> Status {
            if (const OpenIncident* open = ledger_.find(incident_id)) order.stepped_at = open->progress.stepped_at;
            return {};
          },
          stop))
    return;
  std::string last;
  const auto on_change = [&](const VerifyRound& round) {
    if (round.answer == Answer::kPass) return;
    // For the story only: a line that cannot be written is not worth waiting for.
    (void)reporter.note("verify", "not yet: " + round.message, round_json(round));
  };
  const auto round = verify(order, tools_, on_change, either.token());
  if (!round) return;
  post_until_durable([&] { return record_verified(ledger_, incident_id, *round, dossier.plan->stay_healthy); }, stop);
}

std::vector<Episode> Coordinator::episodes_of(const std::string& incident_id) {
  auto episodes = store_.episodes_of(incident_id);
  return episodes.has_value() ? std::move(*episodes) : std::vector<Episode>();
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
                              subject.progress.stepped_at};
      auto looked = still_healthy(order, tools_, either.token());
      if (!looked) return;
      round = std::move(*looked);
    }
    post_until_durable(
        [&]() -> Status {
          HEAL_TRY_STATUS(record_settled(ledger_, incident_id, round));
          take_again(ledger_, *this, *world_.get(), incident_id);
          return {};
        },
        stop);
  });
}

}  // namespace heal::remedy
