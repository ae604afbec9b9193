#include "common/remedy/metrics.h"

#include "common/remedy/incident_states.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

std::vector<std::string> all_states(bool (*wanted)(IncidentState)) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kIncidentStateCount; ++i) {
    const auto state = static_cast<IncidentState>(i);
    if (wanted(state)) names.emplace_back(to_string(state));
  }
  return names;
}

std::vector<double> wide_buckets() {
  return {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600};
}

}  // namespace

RemedyMetrics::RemedyMetrics(Metrics& m)
    : events(m.counters("heal_events_received_total", "Events that arrived, by what became of them.",
                        {{"source", words::sources()}, {"result", words::event_results()}})),
      duplicates(m.counters("heal_events_duplicate_total", "Events that were known already and changed nothing.",
                            {{"source", words::sources()}})),
      truncated(m.counter("heal_alerts_truncated_total",
                          "Alerts that Alertmanager left out of its notifications (max_alerts).")),
      decisions(m.counters("heal_decisions_total", "Decisions, by result and by the guard that made it.",
                           {{"playbook", {}}, {"result", {}}, {"guard", {}}})),
      actions(m.counters("heal_actions_total",
                         "Steps, by kind and outcome; of a step that ran, whether verification passed after it.",
                         {{"playbook", {}}, {"step", {}}, {"outcome", {}}})),
      durations(m.histograms("heal_action_duration_seconds", "How long steps ran.", {{"playbook", {}}, {"step", {}}},
                             wide_buckets())),
      moves(m.counters("heal_incident_transitions_total", "Incidents that entered a state.",
                       {{"state", all_states([](IncidentState) { return true; })}})),
      open_incidents(m.gauges("heal_incidents_open", "Incidents that are not over, by state.",
                              {{"state", all_states([](IncidentState s) { return !is_terminal(s); })}})),
      inflight(m.gauges("heal_inflight", "Incidents whose steps or verification are running.", {{"playbook", {}}})),
      time_to_decide(m.histogram("heal_time_to_decide_seconds", "From the start of the alert to the decision to act.",
                                 wide_buckets())),
      time_to_act(m.histogram("heal_time_to_act_seconds", "From the start of the alert to the first changing step.",
                              wide_buckets())),
      time_to_verify(m.histogram("heal_time_to_verify_seconds",
                                 "From the start of the alert to the proof that it is over.", wide_buckets())),
      time_to_detect(m.histogram("heal_time_to_detect_seconds",
                                 "From the failure to its detection, of verified heals whose failure has a time.",
                                 wide_buckets())),
      time_to_recover(m.histogram("heal_time_to_recover_seconds",
                                  "From the detection of the failure to the proof that it is over.", wide_buckets())),
      approval_pending(m.gauge("heal_approval_pending", "Incidents whose plan a person must approve.")),
      population(m.gauges("heal_population", "Members of a group, when its population was last asked about.",
                          {{"group", {}}})),
      population_unhealthy(m.gauges("heal_population_unhealthy",
                                    "Those of them that were unhealthy, being healed, or could not be told.",
                                    {{"group", {}}})),
      unknown_outcomes(m.gauge(
          "heal_unknown_outcomes",
          "Steps with an intent and no known outcome, and incidents that ended with one while their alerts fire.")),
      broken_invariants(
          m.counter("heal_broken_invariants_total", "Events that the incident table does not allow: bugs.")),
      commit_seconds(m.histogram("heal_journal_fsync_seconds", "Duration of durable commits to the store.",
                                 {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5})),
      commit_errors(m.counter("heal_journal_errors_total", "Commits that the store refused.")),
      last_intake(m.gauge("heal_last_successful_intake_timestamp_seconds",
                          "When a notification was last accepted or found to be known.")),
      pages(m.counters("heal_pages_total", "Calls for a human, by how he was called and whether that was taken.",
                       {{"channel", {"alertmanager", "mail"}}, {"result", {"told", "failed"}}})) {}

void RemedyMetrics::know_playbooks(const std::map<std::string, playbook::Playbook, std::less<>>& playbooks) const {
  decisions.at({"", std::string(words::kUnmatched), std::string(words::kRouteStage)});
  for (const auto& [name, book] : playbooks) {
    inflight.at({name});
    for (const auto& guard : words::guards()) {
      for (const auto& result : words::decision_results())
        decisions.at({name, result, guard});
    }
    for (const auto& kind : playbook::step_kinds_of(book)) {
      durations.at({name, kind});
      for (const auto& outcome : words::action_outcomes())
        actions.at({name, kind, outcome});
    }
  }
}

}  // namespace heal::remedy
