#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/either_stop.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

// What is done once every alert of a verified heal has resolved.

namespace heal::remedy {
namespace {

/// What people have said against acting holds for on_resolved too, and there must be room for it. The other guards ask
/// whether there is something to heal, or how often that was tried.
constexpr std::array<Guard, 4> kAfterGuards{guard_lever, guard_pauses, guard_windows, guard_in_flight};
constexpr Duration kLongestWait = 1min;

/// Samples from before the alerts resolved do not show that the trouble is over.
std::optional<WallTime> resolved_by(const OpenIncident& open) {
  return std::max(open.progress.stepped_at, open.incident.times.resolved_at);
}

}  // namespace

/// As far as the files, the lever and the others are now; nullopt when nothing speaks against beginning.
std::optional<Verdict> Coordinator::objection_to_resolved(const OpenIncident& open, const Dossier& then) const {
  Case subject;
  subject.incident = open.incident;
  subject.progress = open.progress;
  Dossier now = then;
  now.world = world_.get();
  const auto& config = now.world->bundle.config;
  now.lever_file = read_lever_file(config.safety.lever.file, config.file);
  const GuardSnapshot snapshot = snapshot_of(ledger_, subject, now);
  for (Guard guard : kAfterGuards) {
    Verdict verdict = guard(snapshot);
    if (verdict.kind != Verdict::Kind::kAllow) return verdict;
  }
  return std::nullopt;
}

void Coordinator::wait_with_resolved(const std::string& incident_id, const Verdict& objection) {
  const WallTime now = tools_.clock.now();
  OpenIncident& open = ledger_.edit(incident_id);
  const Duration pause = objection.until.value_or(now + kLongestWait) - now;
  open.progress.wake_at = now + std::clamp<Duration>(pause, kControlRetry, kLongestWait);
  open.incident.message = fmt::format("on_resolved waits: {}", printable(objection.message, 400));
  if (open.progress.after_waits == objection.reason) return;
  open.progress.after_waits = objection.reason;
  ledger_.append(incident_id, "on_resolved", open.incident.message,
                 {{"guard", objection.guard}, {"reason", objection.reason}});
}

void Coordinator::check_resolved(const std::string& incident_id, std::shared_ptr<const Dossier> dossier) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (!may_begin_resolved(ledger_, open, tools_.clock.now()) || !dossier->plan || !dossier->plan->on_resolved) return;
  ledger_.edit(incident_id).progress.wake_at.reset();
  const bool is_first = open->progress.after_waits.empty() && !open->progress.after_until;
  if (is_first)
    ledger_.append(incident_id, "on_resolved", "every alert has resolved; asking whether the trouble is over",
                   Json::object());
  ledger_.effect([this, incident_id, dossier, newer_than = resolved_by(*open)] {
    submit(incident_id, [this, incident_id, dossier, newer_than](std::stop_token stop) {
      const EitherStop either(stop, drain_.get_token());
      const VerifyOrder order{*dossier->plan, *dossier->world, [&] { return episodes_of(incident_id); }, newer_than};
      const auto round = verify_by(dossier->plan->on_resolved->checks, order, tools_, nullptr, either.token());
      if (!round) return;
      const SteadyTime seen_at = tools_.clock.steady_now();
      post_until_durable([&] { return begin_resolved(incident_id, dossier, *round, seen_at); }, stop);
    });
  });
}

Status Coordinator::begin_resolved(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier,
                                   const VerifyRound& round, SteadyTime seen_at) {
  const WallTime now = tools_.clock.now();
  const bool is_old = tools_.clock.steady_now() - seen_at > kEvidencePatience;
  if (is_old || !may_begin_resolved(ledger_, ledger_.find(incident_id), now)) {
    // It fires again, somebody ended it, or the store kept it waiting: looked at as before.
    if (const OpenIncident* open = ledger_.find(incident_id);
        open != nullptr && open->incident.state == IncidentState::kRecovered)
      ledger_.edit(incident_id).progress.wake_at = now;
    return {};
  }
  const std::string message =
      fmt::format("the alerts have resolved, but it is not seen that the trouble is over; on_resolved was not run: {}",
                  printable(round.message, 400));
  if (round.answer == Answer::kUnknown) {
    if (!ledger_.find(incident_id)->progress.after_until) {
      HEAL_TRY_STATUS(record_round(ledger_, incident_id, round));
    }
    record_resolved_later(ledger_, incident_id, "not_over", message);
    return {};
  }
  if (round.answer != Answer::kPass) {
    HEAL_TRY_STATUS(record_round(ledger_, incident_id, round));
    if (!escalate(ledger_, incident_id, Rungs::kPageOnly, "not_over", message))
      ledger_.move(incident_id, IncidentEvent::kFail, "not_over", message);
    return {};
  }
  const auto targets = lock_targets(*dossier->plan);
  OpenIncident& open = ledger_.edit(incident_id);
  if (const auto holders = ledger_.holders(targets, incident_id); !holders.empty()) {
    open.progress.wake_at = now + kLockRetry;
    open.incident.message =
        fmt::format("on_resolved waits: {} is held by incident {}", holders.begin()->first, holders.begin()->second);
    return {};
  }
  if (const auto objection = objection_to_resolved(open, *dossier)) {
    wait_with_resolved(incident_id, *objection);
    return {};
  }
  HEAL_TRY_STATUS(record_round(ledger_, incident_id, round));
  open.progress.after = AfterResolve::kRunning;
  open.progress.after_waits.clear();
  open.progress.after_until.reset();
  open.progress.called_off.reset();
  open.progress.hold(targets);
  ledger_.lease_locks(incident_id, lock_ttl(*dossier->plan));
  ledger_.move(incident_id, IncidentEvent::kAfter, "all_resolved", "every alert has resolved; running on_resolved");
  RunOrder order;
  order.incident_id = incident_id;
  order.attempt = open.incident.attempt;
  order.container_id = open.progress.container_id;
  order.part = StepRole::kResolved;
  ledger_.effect([this, order = std::move(order), dossier] { start_run(order, dossier); });
  return {};
}

}  // namespace heal::remedy
