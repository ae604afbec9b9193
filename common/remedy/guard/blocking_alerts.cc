#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

/// Alerts that always fire, so that their absence can be noticed, or that only exist to inhibit others.
constexpr std::array<std::string_view, 2> kNeverBlocks{"Watchdog", "InfoInhibitor"};
/// What we post ourselves; were it to block, one failed heal would forbid all others.
constexpr std::string_view kOurOwn = "Heal";

/// Why an alert that matches does not block; "" when it does.
std::string_view excuse(const Labels& labels, const Case& subject) {
  const std::string_view name = label_value(labels, "alertname");
  if (std::find(kNeverBlocks.begin(), kNeverBlocks.end(), name) != kNeverBlocks.end()) return "always fires";
  if (name.substr(0, kOurOwn.size()) == kOurOwn) return "is our own";
  const bool is_trigger =
      labels == subject.origin.labels || std::any_of(subject.episodes.begin(), subject.episodes.end(),
                                                     [&](const Episode& episode) { return episode.labels == labels; });
  return is_trigger ? "is what this is about" : "";
}

std::string text_of(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ", ", name, printable(value, 60));
  return "{" + out + "}";
}

}  // namespace

Verdict guard_blocking_alerts(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kBlockingAlertsGuard;
  verdict.reason = "none_active";
  verdict.message = "no blocking alert is active";
  const auto& settings = snapshot.plan().guards.blocking_alerts;
  if (settings.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const auto& blocking = snapshot.dossier.blocking;
  if (!blocking) {
    verdict.message = "no alert is configured to block";
    return verdict;
  }
  for (const Labels& labels : blocking->alerts) {
    const std::string_view why_not = excuse(labels, snapshot.subject);
    verdict.inputs.emplace_back(text_of(labels),
                                why_not.empty() ? "blocks" : fmt::format("does not block: {}", why_not));
    if (!why_not.empty() || verdict.kind == Verdict::Kind::kHold) continue;
    verdict.kind = Verdict::Kind::kHold;
    verdict.reason = "blocking_alert";
    verdict.until = snapshot.now + kBlockingRetry;
    verdict.message = fmt::format("alert {} is active and blocks", text_of(labels));
  }
  if (verdict.kind == Verdict::Kind::kAllow && !blocking->error.empty())
    return blind_verdict(verdict, settings.on_error, "alertmanager_unavailable", blocking->error);
  return verdict;
}

}  // namespace heal::remedy
