#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

/// Whether people have agreed to exactly this plan.
Verdict ask_people(Verdict verdict, const GuardSnapshot& snapshot) {
  const auto& settings = snapshot.plan().approval;
  const auto& approval = snapshot.subject.progress.approval;
  if (approval) {
    verdict.inputs.emplace_back("approved_by", fmt::format("{}", fmt::join(approval->by, ", ")));
    verdict.inputs.emplace_back("asked_about_plan", approval->plan_hash);
    verdict.inputs.emplace_back("expires_at", format_rfc3339(approval->expires_at));
  }
  if (approval && snapshot.now >= approval->expires_at) {
    verdict.kind = Verdict::Kind::kRefuse;
    verdict.reason = "approval_expired";
    verdict.message = fmt::format("the approval ended at {}", format_rfc3339(approval->expires_at));
    return verdict;
  }
  const bool is_same = approval && approval->plan_hash == snapshot.plan().hash;
  if (is_same && approval->is_given()) {
    verdict.reason = "approved";
    verdict.message = fmt::format("approved by {}", fmt::join(approval->by, ", "));
    return verdict;
  }
  const WallTime until = is_same ? approval->expires_at : snapshot.now + settings.ttl;
  verdict.kind = Verdict::Kind::kAsk;
  verdict.reason = approval && !is_same ? "plan_changed" : "needs_approval";
  verdict.until = until;
  verdict.message = fmt::format("{}waits until {} for {} to approve it",
                                approval && !is_same ? "what was asked about is not what would be done now; " : "",
                                format_rfc3339(until),
                                settings.approvers == 1 ? "somebody" : fmt::format("{} people", settings.approvers));
  return verdict;
}

}  // namespace

Verdict guard_mode(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kModeGuard;
  verdict.inputs.emplace_back("mode", playbook::to_string(snapshot.plan().mode));
  if (snapshot.plan().mode == playbook::Mode::kAuto) {
    verdict.reason = "auto";
    verdict.message = "the playbook may act by itself";
    return verdict;
  }
  if (snapshot.plan().mode == playbook::Mode::kApprove) return ask_people(std::move(verdict), snapshot);
  verdict.kind = Verdict::Kind::kShadow;
  verdict.reason = "shadow";
  verdict.message = "the playbook is in shadow mode: this is what it would do, and nothing is done";
  return verdict;
}

}  // namespace heal::remedy
