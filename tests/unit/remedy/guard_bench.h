#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy::test {

/// A snapshot that every guard allows; a test spoils what it is about.
struct GuardBench {
  GuardBench() {
    subject.incident.id = "me";
    subject.incident.target = TargetId{"container", "local", "web1"};
    subject.incident.playbook = "restart-container";
    subject.incident.times.detected_at = now;
    subject.origin.source = words::kAlertmanager;
    subject.origin.starts_at = now - 1min;
    plan.playbook = "restart-container";
    plan.mode = playbook::Mode::kAuto;
    plan.target = *subject.incident.target;
    dossier.world = world;
    dossier.alerts = {{AlertStanding::kActive, "alert NginxDown is active"}};
  }

  GuardSnapshot snapshot() {
    dossier.plan = std::make_shared<const playbook::Plan>(plan);
    return {now,       subject,        dossier,   history, holders,       controls,
            in_flight, recent_targets, acted_ago, slots,   unseen_alerts, truncated};
  }
  Verdict ask(Guard guard) { return guard(snapshot()); }

  /// `sick` of `size` members of group web answer badly; the target is one of them.
  void population_of(std::size_t size, std::size_t sick) {
    plan.group = plan.population_group = "web";
    Population web{"web", {}, ""};
    for (std::size_t i = 1; i <= size; ++i) {
      web.members.push_back({"container/local/web" + std::to_string(i), i <= sick ? Answer::kFail : Answer::kPass,
                             i <= sick ? "is exited" : "is running"});
    }
    dossier.population = web;
  }

  WallTime now{1'900'000'000s};
  std::shared_ptr<World> world = std::make_shared<World>();
  Case subject;
  Dossier dossier;
  playbook::Plan plan;
  TargetHistory history;
  std::map<std::string, std::string> holders;
  ControlState controls;
  std::vector<InFlight> in_flight;
  std::size_t recent_targets = 1;
  std::optional<Duration> acted_ago;
  std::size_t slots = 4;
  std::size_t unseen_alerts = 0;
  std::vector<Truncation> truncated;
};

/// The inputs as one text, a line each.
inline std::string inputs_of(const Verdict& verdict) {
  std::string out;
  for (const auto& [name, value] : verdict.inputs)
    out += name + ": " + value + "\n";
  return out;
}

}  // namespace heal::remedy::test
