#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

Verdict stale(Verdict verdict, std::string_view reason, std::string message) {
  verdict.kind = Verdict::Kind::kStale;
  verdict.reason = reason;
  verdict.message = std::move(message);
  return verdict;
}

/// The container that the evidence is about is the one that stands there now, or has stood there for so long that
/// evidence which is still true is about it too. Once steps have begun only the same one will do.
std::optional<Verdict> check_identity(Verdict& verdict, const GuardSnapshot& snapshot) {
  const auto& container = snapshot.dossier.container;
  if (!container) return std::nullopt;
  const std::string& seen = snapshot.subject.progress.container_id;
  verdict.inputs.emplace_back("container_id", container->id);
  verdict.inputs.emplace_back("container_seen_first", seen.empty() ? "not seen before" : seen);
  const bool is_other = !seen.empty() && seen != container->id;
  const auto other = [&] {
    return stale(verdict, "target_changed",
                 fmt::format("container {} is another one than when the incident began", container->name));
  };
  if (is_other && (snapshot.is_under_way() || !container->created_at)) return other();
  if (snapshot.is_manual() || !container->created_at) return std::nullopt;
  const auto& acted_at = snapshot.subject.incident.times.acted_at;
  // An earlier rung of this incident may have made it anew.
  if (acted_at && *container->created_at >= *acted_at) return std::nullopt;
  verdict.inputs.emplace_back("container_created_at", format_rfc3339_nano(*container->created_at));
  verdict.inputs.emplace_back("evidence_began_at", format_rfc3339_nano(snapshot.subject.origin.starts_at));
  const Duration age = snapshot.now - *container->created_at;
  // So far in the future only a clock that was set back since can put it: then nobody knows how old it is.
  const bool is_settled = age >= kNewContainerPatience || age < -kNewContainerPatience;
  if (is_settled) return std::nullopt;
  if (is_other) return other();
  if (*container->created_at > snapshot.subject.origin.starts_at) {
    return stale(
        verdict, "target_changed",
        fmt::format("container {} was created at {}, after the evidence began at {}", container->name,
                    format_rfc3339(*container->created_at), format_rfc3339(snapshot.subject.origin.starts_at)));
  }
  return std::nullopt;
}

struct Tally {
  std::size_t active = 0, unknown = 0;
  const AlertAnswer* muted = nullptr;
  const AlertAnswer* unknown_answer = nullptr;
  const AlertAnswer* unaskable = nullptr;
};

Tally count(Verdict& verdict, const std::vector<AlertAnswer>& alerts) {
  Tally tally;
  for (const AlertAnswer& answer : alerts) {
    verdict.inputs.emplace_back("alert", answer.message);
    switch (answer.standing) {
      case AlertStanding::kActive:
        ++tally.active;
        break;
      case AlertStanding::kSilenced:
      case AlertStanding::kInhibited:
        tally.muted = &answer;
        break;
      case AlertStanding::kUnknown:
        ++tally.unknown;
        tally.unknown_answer = &answer;
        break;
      case AlertStanding::kUnaskable:
        tally.unaskable = &answer;
        break;
      case AlertStanding::kGone:
        break;
    }
  }
  return tally;
}

/// A check of the playbook's own that has just seen the trouble: `before: [{check: …, is: failing}]`.
const BeforeAnswer* own_sight(const Dossier& dossier) {
  const auto it = std::find_if(dossier.before.begin(), dossier.before.end(), [](const BeforeAnswer& before) {
    return before.check.wanted == playbook::Check::Wanted::kFailing && before.result.answer == Answer::kFail;
  });
  return it == dossier.before.end() ? nullptr : &*it;
}

/// For so long what was told may still show itself to the playbook's own check. Kept for longer, an old word would heal
/// what comes later: a deployment, a person's own stop.
constexpr Duration kToldPatience = 15min;

/// Checks of the playbook's own that look for the trouble, and all see that it is not there.
const BeforeAnswer* seen_well(const Dossier& dossier) {
  const BeforeAnswer* well = nullptr;
  for (const BeforeAnswer& before : dossier.before) {
    if (before.check.wanted != playbook::Check::Wanted::kFailing) continue;
    if (before.result.answer != Answer::kPass) return nullptr;
    well = &before;
  }
  return well;
}

/// Told by a source that cannot be asked, and by no other that says it is so: what the playbook looks at itself
/// decides.
Verdict by_own_sight(Verdict verdict, const AlertAnswer& told, const GuardSnapshot& snapshot) {
  const BeforeAnswer* seen = own_sight(snapshot.dossier);
  const auto& detected_at = snapshot.subject.incident.times.detected_at;
  const BeforeAnswer* well = seen_well(snapshot.dossier);
  if (well != nullptr && detected_at && snapshot.now - *detected_at >= kToldPatience) {
    return stale(std::move(verdict), "healthy",
                 fmt::format("{}; the playbook's own check does not see it: {}", told.message, well->result.message));
  }
  if (seen == nullptr) {
    return blind_verdict(std::move(verdict), snapshot.plan().guards.fresh_evidence.on_error, "cannot_be_asked",
                         fmt::format("{}, and no check of \"before\" has seen it failing", told.message));
  }
  verdict.reason = "own_check";
  verdict.message = fmt::format("{}; the playbook's own check sees it: {}", told.message, seen->result.message);
  return verdict;
}

}  // namespace

Verdict guard_fresh_evidence(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kFreshEvidenceGuard;
  verdict.reason = "fresh";
  verdict.message = "the evidence is still true";
  const auto& settings = snapshot.plan().guards.fresh_evidence;
  if (settings.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  if (auto changed = check_identity(verdict, snapshot)) return *changed;
  if (snapshot.is_manual()) {
    verdict.message = "asked for by a person, and the target is the same";
    return verdict;
  }
  const bool is_over = snapshot.subject.episodes.empty();
  if (snapshot.dossier.alerts.empty() && !is_over && snapshot.dossier.world->alertmanagers.empty())
    return blind_verdict(verdict, settings.on_error, "no_alertmanager", "heal.yml names no Alertmanager to ask");
  const bool is_alert = snapshot.subject.origin.source == words::kAlertmanager;
  const Tally tally = count(verdict, snapshot.dossier.alerts);
  if (tally.active > 0) return verdict;
  if (tally.unknown > 0)
    return blind_verdict(verdict, settings.on_error, is_alert ? "alertmanager_unavailable" : "evidence_unknown",
                         tally.unknown_answer->message);
  if (tally.muted != nullptr) {
    verdict.kind = Verdict::Kind::kRefuse;
    verdict.reason = tally.muted->standing == AlertStanding::kSilenced ? "silenced" : "inhibited";
    verdict.message = tally.muted->message;
    return verdict;
  }
  if (const auto& round = snapshot.dossier.still_bad) {
    verdict.inputs.emplace_back("verification_now", fmt::format("{}: {}", to_string(round->answer), round->message));
    if (round->answer == Answer::kFail) {
      verdict.message = "the steps before did not mend it: " + round->message;
      return verdict;
    }
    if (round->answer == Answer::kUnknown)
      return blind_verdict(verdict, settings.on_error, "evidence_unknown", round->message);
  }
  if (tally.unaskable != nullptr) return by_own_sight(std::move(verdict), *tally.unaskable, snapshot);
  return is_alert ? stale(verdict, "alert_absent", "Alertmanager holds no alert of the incident")
                  : stale(verdict, "healthy", "no source says any more that it is so");
}

}  // namespace heal::remedy
