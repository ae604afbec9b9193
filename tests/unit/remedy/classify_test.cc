#include "common/remedy/classify.h"

#include <catch2/catch.hpp>

namespace heal::remedy {
namespace {

WallTime time_at(int seconds) {
  return WallTime(std::chrono::seconds(1'900'000'000 + seconds));
}

Clues paused_web() {
  Clues clues;
  clues.container.emplace();
  clues.container->status = "paused";
  clues.container->started_at = time_at(0);
  clues.health = Answer::kFail;
  clues.detected_at = time_at(100);
  return clues;
}

FaultLease lease_of(WallTime injected_at) {
  FaultLease lease;
  lease.kind = "pause";
  lease.state = FaultLease::State::kApplied;
  lease.injected_at = injected_at;
  return lease;
}

TEST_CASE("an injected fault tells when the trouble began") {
  Clues clues = paused_web();
  CHECK(classify(clues) == Classification{"HEALTH_CHECK_FAILURE", std::nullopt, std::nullopt, ""});
  clues.leases = {lease_of(time_at(90)), lease_of(time_at(98)), lease_of(time_at(101))};
  CHECK(classify(clues) == Classification{"HEALTH_CHECK_FAILURE", time_at(98), std::nullopt, "", clues.leases[1]});
}

TEST_CASE("a fault that the container has left behind by a restart tells nothing") {
  Clues clues = paused_web();
  clues.leases = {lease_of(time_at(-5))};
  CHECK(classify(clues).failed_at == std::nullopt);
  CHECK(classify(clues).drill == std::nullopt);
  clues.container->status = "exited";
  clues.container->exit_code = 137;
  clues.container->finished_at = time_at(99);
  CHECK(classify(clues) == Classification{"CONTAINER_CRASH", time_at(99), 137, "exit code 137 (SIGKILL)"});
}

TEST_CASE("how a dead container ended tells what kind of incident it is") {
  struct Case {
    std::int64_t exit_code;
    bool oom_killed;
    const char* type;
  };
  const auto c = GENERATE(values<Case>({{0, false, "TASK_STOPPED"},
                                        {143, false, "TASK_STOPPED"},
                                        {143, true, "CONTAINER_CRASH"},
                                        {137, false, "CONTAINER_CRASH"},
                                        {1, false, "CONTAINER_CRASH"}}));
  CAPTURE(c.exit_code, c.oom_killed);
  Clues clues = paused_web();
  clues.container->status = "exited";
  clues.container->exit_code = c.exit_code;
  clues.container->oom_killed = c.oom_killed;
  CHECK(classify(clues).type == c.type);
  clues.is_manual = true;
  CHECK(classify(clues).type == "MANUAL");
}

}  // namespace
}  // namespace heal::remedy
