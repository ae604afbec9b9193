// Traps that others have fallen into and that no other test holds; README.md names the test of each.

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

TEST_CASE("an alert is matched by its own labels, not by what its group has in common") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  Alert other = rig.fire("nginx");
  other.labels = {{"alertname", "SomethingElse"}, {"team", "shop"}};
  other.fingerprint = fingerprint_of(other.labels);
  AlertGroup group = Rig::group_of({other, rig.fire()});
  SECTION("the common labels lack what the route wants") {
    group.common_labels = {};
  }
  SECTION("the common labels say what only one of them is") {
    group.common_labels = {{"alertname", "NginxDown"}, {"container", "nginx"}};
  }
  REQUIRE(rig.post(group)->accepted == 2);
  rig.run_until([&] { return rig.changes().size() == 1; });
  std::size_t unmatched = 0;
  for (const auto& incident : rig.incidents())
    unmatched += incident.state == IncidentState::kUnmatched ? 1 : 0;
  CHECK(unmatched == 1);
  CHECK(rig.incidents().size() == 2);
}

TEST_CASE("an alert that resolves while its heal runs is remembered, and the heal is still proven") {
  Rig rig;
  rig.engine->set_delay("restart", 10s);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.await([&] { return !rig.changes().empty() && rig.clock.sleepers() > 0; });
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  CHECK(rig.newest().state == IncidentState::kExecuting);
  const Incident closed = rig.run_to(IncidentState::kClosed);
  CHECK(closed.times.resolved_at.has_value());
  CHECK(closed.times.verified_at.has_value());
  CHECK(rig.changes().size() == 1);
  CHECK(rig.incidents().size() == 1);
}

}  // namespace
}  // namespace heal::remedy::test
