#include "webhook/control_metrics.h"

#include <algorithm>
#include <map>

#include "common/base/text.h"

namespace heal::webhook {
namespace {

void expose_pauses(ExpositionWriter& out, const remedy::ControlState& controls, WallTime now) {
  const auto in_force = std::count_if(controls.pauses.begin(), controls.pauses.end(),
                                      [&](const auto& item) { return item.second.is_in_force(now); });
  out.family("heal_paused", MetricType::kGauge, "Pauses in force: nothing new is begun while there is one.");
  out.sample("heal_paused", static_cast<double>(in_force), {});
  out.family("heal_pause_info", MetricType::kGauge, "One for each pause in force.");
  for (const auto& [name, pause] : controls.pauses) {
    if (pause.is_in_force(now))
      out.sample("heal_pause_info", 1, {{"name", name}, {"by", pause.by}, {"reason", printable(pause.reason, 100)}});
  }
}

void expose_breakers(ExpositionWriter& out, const remedy::ControlState& controls,
                     const std::vector<std::string>& playbooks) {
  std::map<std::string, double> counts;
  for (const auto& playbook : playbooks)
    counts[playbook] = 0;
  for (const auto& [key, breaker] : controls.breakers)
    counts[breaker.playbook] += 1;
  out.family("heal_breakers_open", MetricType::kGauge, "Open breakers, by playbook.");
  for (const auto& [playbook, count] : counts)
    out.sample("heal_breakers_open", count, {{"playbook", playbook}});
  out.family("heal_breaker_state", MetricType::kGauge, "One for each open breaker: a person must look.");
  for (const auto& [key, breaker] : controls.breakers)
    out.sample("heal_breaker_state", 1, {{"playbook", breaker.playbook}, {"target", breaker.target}});
}

}  // namespace

void expose_controls(ExpositionWriter& out, const remedy::ControlState& controls,
                     const std::optional<std::string>& lever_objection, const std::vector<std::string>& playbooks,
                     WallTime now) {
  out.family("heal_lever_engaged", MetricType::kGauge, "Whether the emergency lever, or its file, stops everything.");
  out.sample("heal_lever_engaged", lever_objection ? 1 : 0, {});
  expose_pauses(out, controls, now);
  out.family("heal_storm_active", MetricType::kGauge, "Whether too many incidents at once hold everything.");
  out.sample("heal_storm_active", controls.storm && controls.storm->is_active(now) ? 1 : 0, {});
  expose_breakers(out, controls, playbooks);
}

void expose_queue(ExpositionWriter& out, const remedy::QueueState& queue) {
  out.family("heal_queue_depth", MetricType::kGauge,
             "What waits for a thread: incidents, questions, calls for a human.");
  out.sample("heal_queue_depth", static_cast<double>(queue.depth), {});
  out.family("heal_queue_oldest_age_seconds", MetricType::kGauge, "How long the oldest of it has waited.");
  out.sample("heal_queue_oldest_age_seconds", to_seconds(queue.oldest_age), {});
}

void expose_locks(ExpositionWriter& out, const remedy::LockHolders& holders) {
  out.family("heal_lock_holder_info", MetricType::kGauge, "One for each target that an incident's steps hold.");
  for (const auto& [target, incident] : holders)
    out.sample("heal_lock_holder_info", 1, {{"target", target}, {"owner", incident}});
}

}  // namespace heal::webhook
