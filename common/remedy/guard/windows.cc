#include <algorithm>

#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

using playbook::ChangeWindow;

/// What speaks against acting now, in the order of heal.yml: an open window that denies; then, when windows that allow
/// hold for this, that none of them is open.
struct Finding {
  const ChangeWindow* denying = nullptr;
  const TimeWindow* open = nullptr;  ///< the times of `denying`
  std::size_t allowing = 0, allowing_open = 0;
  std::optional<WallTime> next_change;
};

void look_at(Finding& finding, Verdict& verdict, const ChangeWindow& window, WallTime now) {
  const bool is_deny = window.effect == ChangeWindow::Effect::kDeny;
  const TimeWindow* open = window.open_at(now);
  verdict.inputs.emplace_back(window.name, open != nullptr
                                               ? fmt::format("{}, open: {}", is_deny ? "deny" : "allow", open->str())
                                               : fmt::format("{}, not open", is_deny ? "deny" : "allow"));
  if (is_deny && open != nullptr && finding.denying == nullptr) {
    finding.denying = &window;
    finding.open = open;
  }
  if (!is_deny) {
    ++finding.allowing;
    if (open != nullptr) ++finding.allowing_open;
  }
  const auto next = window.next_change(now);
  if (next && (!finding.next_change || *next < *finding.next_change)) finding.next_change = next;
}

}  // namespace

Verdict guard_windows(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kWindowsGuard;
  verdict.reason = "open";
  verdict.message = "no window of heal.yml forbids it now";
  Finding finding;
  verdict.inputs.emplace_back("now", format_rfc3339(snapshot.now));
  for (const ChangeWindow& window : snapshot.dossier.world->bundle.config.safety.windows) {
    if (window.holds_for(snapshot.plan().playbook, snapshot.plan().group))
      look_at(finding, verdict, window, snapshot.now);
  }
  if (finding.denying != nullptr) {
    verdict.reason = "window_denies";
    verdict.message = fmt::format("window {} forbids it: {}", finding.denying->name, finding.open->str());
  } else if (finding.allowing > 0 && finding.allowing_open == 0) {
    verdict.reason = "outside_windows";
    verdict.message = fmt::format("none of the {} window(s) in which it is allowed is open", finding.allowing);
  } else {
    return verdict;
  }
  verdict.kind = Verdict::Kind::kHold;
  // Not only when it changes: wall clocks are set, and files reloaded.
  const WallTime soon = snapshot.now + kWindowRetry;
  verdict.until = std::min(finding.next_change.value_or(soon), soon);
  return verdict;
}

}  // namespace heal::remedy
