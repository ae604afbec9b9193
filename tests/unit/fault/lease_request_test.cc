// What stands before a lease: the group of the target, and production.

#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/fault/drill_site.h"

namespace heal::fault {
namespace {

using test::DrillSite;
using test::kWeb;

const TargetId kDb{"container", "local", "db"};

/// A site with the containers "web" and "db", and what the keeper has told of the group.
struct GroupSite : DrillSite {
  std::vector<std::set<TargetId>> asked;
  Status answer;

  GroupSite() { add_db(); }
  std::unique_ptr<LeaseKeeper> guarded() {
    LeaseTools given = tools(*store);
    given.check_group = [this](const TargetId&, const ContainerInfo&, const std::set<TargetId>& broken,
                               const std::stop_token&) {
      asked.push_back(broken);
      return answer;
    };
    return LeaseKeeper::open(std::move(given), {}).value();
  }
};

TEST_CASE("a fault that its target's group cannot bear is refused before anything is written or touched") {
  GroupSite site;
  site.answer = make_error(ErrorCode::kRefused, "group web: no");
  auto keeper = site.guarded();
  FaultRequest request{"stop", kWeb, 30s, "ops"};
  const auto refused = keeper->inject(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "group web: no");
  CHECK(keeper->check(request, {}).error().message() == "group web: no");
  CHECK(site.store->leases().value().empty());
  CHECK(site.changes().empty());
  request.blast_radius = BlastRadius::kIgnore;
  CHECK(keeper->inject(request, {}).has_value());
  CHECK(site.asked.size() == 2);
}

TEST_CASE("a group is told what else is under a fault, but for what was healed and for the target itself") {
  GroupSite site;
  auto keeper = site.guarded();
  const auto web = keeper->inject({"kill", kWeb, 30s, "ops"}, {}).value();
  REQUIRE(keeper->inject({"pause", kDb, 30s, "ops"}, {}));
  REQUIRE(keeper->revert_target(kDb, {}));
  site.clock.advance(1s);
  REQUIRE(site.engine->start("web", site.clock.deadline_in(5s), {}));
  REQUIRE(keeper->inject({"pause", kDb, 30s, "ops"}, {}));
  CHECK(site.asked == std::vector<std::set<TargetId>>{{}, {kWeb}, {}});
}

TEST_CASE("a container in production is broken only when that is meant") {
  DrillSite site;
  SimContainer shop;
  shop.name = "shop";
  shop.labels = {{"heal.simulate", "allow"}, {"heal.environment", "production"}};
  site.engine->add(shop);
  auto keeper = site.keeper();
  FaultRequest request{"stop", {"container", "local", "shop"}, 30s, "ops"};
  const auto refused = keeper->inject(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kRefused);
  CHECK_FALSE(keeper->check(request, {}));
  CHECK(site.store->leases().value().empty());
  request.in_production = InProduction::kReally;
  CHECK(keeper->inject(request, {}).has_value());
}

TEST_CASE("no fault lasts longer than half an hour by default") {
  DrillSite site;
  auto keeper = site.keeper();
  CHECK(keeper->check({"stop", kWeb, kLongestFault, "ops"}, {}));
  CHECK(keeper->check({"stop", kWeb, kLongestFault + 1ms, "ops"}, {}).error().message() ==
        "a fault may last from 1ms to 30m, not 30m1ms");
}

}  // namespace
}  // namespace heal::fault
