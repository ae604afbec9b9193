#include "webhook/stats.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"

namespace heal::webhook {
namespace {

WallTime at(double seconds) {
  return WallTime(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1'000'000 + seconds)));
}

Incident incident(IncidentState state, std::uint64_t attempt, const std::string& playbook = "restart") {
  Incident out;
  out.state = state;
  out.attempt = attempt;
  out.playbook = playbook;
  out.name = "Down";
  out.type = "ALERT";
  out.target = TargetId{"service", "", "web"};
  out.times.detected_at = at(0);
  return out;
}

Incident healed(double failed, double verified) {
  Incident out = incident(IncidentState::kClosed, 1);
  out.reason = "stayed_healthy";
  out.times.failed_at = at(-failed);
  out.times.acted_at = at(1);
  out.times.verified_at = at(verified);
  return out;
}

/// Its steps were verified first and failed again; a human was called, and then it ended for `reason`.
Incident given_up(const std::string& reason) {
  Incident out = healed(1, 1);
  out.reason = reason;
  return out;
}

TEST_CASE("heals, what came of them, and what was not begun are counted by playbook") {
  Stats stats(StatsBy::kPlaybook);
  for (int i = 1; i <= 20; ++i)
    stats.add(healed(i, 10 * i));
  stats.add(incident(IncidentState::kFailed, 2));
  Incident relapsed = healed(1, 2);
  relapsed.state = IncidentState::kFailed;
  stats.add(relapsed);
  stats.add(incident(IncidentState::kExecuting, 1));
  Incident held = incident(IncidentState::kHeld, 0);
  held.reason = "cooldown";
  stats.add(held);
  stats.add(held);
  Incident refused = incident(IncidentState::kSuppressed, 0);
  refused.reason = "plan_invalid";
  stats.add(refused);
  Incident unmatched = incident(IncidentState::kUnmatched, 0, "");
  unmatched.reason = "no_route";
  stats.add(unmatched);

  CHECK(stats.json() == Json::array({{{"playbook", ""},
                                      {"incidents", 1},
                                      {"open", 0},
                                      {"heals", 0},
                                      {"verified", 0},
                                      {"failed", 0},
                                      {"refused", {{"no_route", 1}}},
                                      {"mttd_seconds", nullptr},
                                      {"mttr_seconds", nullptr}},
                                     {{"playbook", "restart"},
                                      {"incidents", 26},
                                      {"open", 3},
                                      {"heals", 23},
                                      {"verified", 20},
                                      {"failed", 2},
                                      {"refused", {{"cooldown", 2}, {"plan_invalid", 1}}},
                                      {"mttd_seconds", {{"p50", 10.0}, {"p95", 19.0}}},
                                      {"mttr_seconds", {{"p50", 100.0}, {"p95", 190.0}}}}}));
}

TEST_CASE("what failed counts as failed after a human, its alerts or time have ended it, and has not recovered") {
  Stats stats(StatsBy::kPlaybook);
  stats.add(healed(1, 100));
  for (const char* reason : {"alert_resolved", "cancelled", "expired"})
    stats.add(given_up(reason));
  Incident never_verified = given_up("cancelled");
  never_verified.times.verified_at.reset();
  stats.add(never_verified);
  Incident nothing_begun = incident(IncidentState::kClosed, 0);
  nothing_begun.reason = "cancelled";
  stats.add(nothing_begun);
  const Json group = stats.json()[0];
  CHECK(group["heals"] == 5);
  CHECK(group["verified"] == 1);
  CHECK(group["failed"] == 4);
  CHECK(group["mttr_seconds"] == Json{{"p50", 100.0}, {"p95", 100.0}});
}

TEST_CASE("incidents are told apart by what is asked for") {
  struct Case {
    const char* by;
    const char* key;
  };
  const auto c =
      GENERATE(values<Case>({{"playbook", "restart"}, {"target", "service/web"}, {"type", "ALERT"}, {"name", "Down"}}));
  CAPTURE(c.by);
  Stats stats(parse_stats_by(c.by).value());
  stats.add(incident(IncidentState::kClosed, 1));
  CHECK(stats.json()[0][c.by] == c.key);
  CHECK_FALSE(parse_stats_by("colour"));
  CHECK(Stats(StatsBy::kType).json() == Json::array());
}

}  // namespace
}  // namespace heal::webhook
