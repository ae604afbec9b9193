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
  verdict.inputs.emplace_back("container_created_at", format_rfc3339_nano(*container->created_at));
  verdict.inputs.emplace_back("evidence_began_at", format_rfc3339_nano(snapshot.subject.origin.starts_at));
  const bool is_settled = snapshot.now - *container->created_at >= kNewContainerPatience;
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
      case AlertStanding::kGone:
        break;
    }
  }
  return tally;
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
  if (snapshot.dossier.world->alertmanagers.empty())
    return blind_verdict(verdict, settings.on_error, "no_alertmanager", "heal.yml names no Alertmanager to ask");
  const Tally tally = count(verdict, snapshot.dossier.alerts);
  if (tally.active > 0) return verdict;
  if (tally.unknown > 0)
    return blind_verdict(verdict, settings.on_error, "alertmanager_unavailable", tally.unknown_answer->message);
  if (tally.muted != nullptr) {
    verdict.kind = Verdict::Kind::kRefuse;
    verdict.reason = tally.muted->standing == AlertStanding::kSilenced ? "silenced" : "inhibited";
    verdict.message = tally.muted->message;
    return verdict;
  }
  return stale(verdict, "alert_absent", "Alertmanager holds no alert of the incident");
}

}  // namespace heal::remedy
