#pragma once

#include <functional>
#include <map>
#include <string>

#include "common/playbook/playbook.h"
#include "common/telemetry/metrics.h"

namespace heal::remedy {

/// The pipeline's own metrics. Every closed label value exists from the start; the values of `playbook`, and of `step`
/// for each of them, come from the configuration by know_playbooks(). Copyable handles; thread-safe.
struct RemedyMetrics {
  explicit RemedyMetrics(Metrics& metrics);

  /// Makes the members of these playbooks exist at 0: of steps only those kinds that the playbook has. What exists
  /// stays.
  void know_playbooks(const std::map<std::string, playbook::Playbook, std::less<>>& playbooks) const;

  CounterFamily events;                                   ///< source, result
  CounterFamily duplicates;                               ///< source
  Counter truncated;                                      ///< alerts that senders left out
  CounterFamily decisions;                                ///< playbook, result, guard
  CounterFamily actions;                                  ///< playbook, step (kind), outcome
  HistogramFamily durations;                              ///< playbook, step (kind)
  CounterFamily moves;                                    ///< state
  GaugeFamily open_incidents;                             ///< state
  GaugeFamily inflight;                                   ///< playbook
  Histogram time_to_decide, time_to_act, time_to_verify;  ///< from the start of the alert
  Histogram time_to_detect, time_to_recover;              ///< of a verified heal: MTTD and MTTR
  Gauge approval_pending;
  GaugeFamily population, population_unhealthy;  ///< group
  Gauge unknown_outcomes;
  Counter broken_invariants;
  Histogram commit_seconds;
  Counter commit_errors;
  Gauge last_intake;
  CounterFamily pages;  ///< channel, result
};

}  // namespace heal::remedy
