#include "common/remedy/blast_radius.h"

#include <catch2/catch.hpp>

namespace heal::remedy {
namespace {

const std::string kTarget = "container/local/web1";
const std::string kOnly = ": only --ignore-blast-radius (ignore_blast_radius in a request) breaks " + kTarget;

/// A group "web" of `size` members, of which the last `sick` are down.
GroupAtRisk group_of(std::size_t size, std::size_t sick = 0) {
  GroupAtRisk group;
  group.target = kTarget;
  group.population.group = "web";
  for (std::size_t i = 1; i <= size; ++i) {
    const bool is_sick = i > size - sick;
    group.population.members.push_back({fmt::format("container/local/web{}", i),
                                        is_sick ? Answer::kFail : Answer::kPass, is_sick ? "is exited" : "is running"});
  }
  return group;
}

std::string refusal(const GroupAtRisk& group, const playbook::PopulationGuard& guard = {}) {
  const Status status = check_blast_radius(group, guard);
  if (!status) CHECK(status.error().code() == ErrorCode::kRefused);
  return status ? "" : status.error().message();
}

TEST_CASE("a fault leaves as many healthy as a heal would, by the same rounding") {
  struct Case {
    std::size_t size, sick;
    bool is_allowed;
  };
  for (const Case& c : std::vector<Case>{{1, 0, true},
                                         {2, 0, true},
                                         {2, 1, false},
                                         {3, 0, true},
                                         {3, 1, false},
                                         {4, 1, true},
                                         {4, 2, false},
                                         {6, 2, true},
                                         {6, 3, false}}) {
    CAPTURE(c.size, c.sick);
    CHECK(refusal(group_of(c.size, c.sick)).empty() == c.is_allowed);
  }
  CHECK(refusal(group_of(3, 1)) ==
        "group web: with it 2 of 3 members would be unhealthy, 1 may be (container/local/web3: is exited)" + kOnly);
}

TEST_CASE("one member of a group is broken at a time, and none while another is being healed") {
  GroupAtRisk group = group_of(6);
  group.broken = {"container/local/other", kTarget};
  CHECK(refusal(group).empty());
  group.broken = {"container/local/web2"};
  CHECK(refusal(group) == "group web: container/local/web2 is under a fault" + kOnly);
  group.broken.clear();
  group.healed = {{kTarget, "01A"}, {"container/local/other", "01B"}};
  CHECK(refusal(group).empty());
  group.healed["container/local/web6"] = "01C";
  CHECK(refusal(group) == "group web: container/local/web6 is being healed by incident 01C" + kOnly);
}

TEST_CASE("a group that cannot be told is as the guard says, and the guard's switch is heard") {
  GroupAtRisk blind = group_of(0);
  blind.population.error = "engine local: not reachable";
  CHECK(refusal(blind) == "group web: its members cannot be told (engine local: not reachable)" + kOnly);
  playbook::PopulationGuard guard;
  guard.on_error = playbook::OnError::kAllow;
  CHECK(refusal(blind, guard).empty());
  guard.state = playbook::GuardSwitch::kOff;
  CHECK(refusal(group_of(2, 1), guard).empty());
  guard = {};
  guard.percent = 100;
  CHECK(refusal(group_of(2, 1), guard).empty());
}

}  // namespace
}  // namespace heal::remedy
