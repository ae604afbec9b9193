// What must hold for every fleet, whatever fails, in whatever order. See README.md.

#include <cstdio>
#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/crash/fleet.h"

namespace heal {
namespace {

/// Runs of which the sums say something.
constexpr std::uint32_t kEnough = 40;

/// `name` from the environment, or what is given.
std::uint32_t number(const char* name, std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::stoul(text));
}

TEST_CASE(
    "never two actions on a target, too many in flight, too few healthy, a lost episode, or a command run twice") {
  const std::uint32_t first = number("HEAL_PROPERTY_SEED", 1);
  const std::uint32_t runs = number("HEAL_PROPERTY_RUNS", 1000);
  test::Fleet::Lived all;
  for (std::uint32_t seed = first; seed < first + runs; ++seed) {
    test::Fleet fleet(seed);
    fleet.live(40);
    fleet.recover();
    const auto broken = fleet.broken_promises();
    INFO("HEAL_PROPERTY_SEED=" << seed << " HEAL_PROPERTY_RUNS=1");
    REQUIRE(fmt::format("{}", fmt::join(broken, "\n")) == "");
    const auto one = fleet.lived();
    all.commands += one.commands;
    all.restarts += one.restarts;
    all.verified += one.verified;
    all.held += one.held;
    all.kills += one.kills;
    all.jumps += one.jumps;
    all.populations += one.populations;
    all.populations_despite_jumps += one.populations_despite_jumps;
  }
  std::printf(
      "%u runs: %zu commands, %zu restarts, %zu heals verified, %zu held, %zu kills, %zu jumps of the clock, "
      "%zu looks at a population (%zu after a jump)\n",
      runs, all.commands, all.restarts, all.verified, all.held, all.kills, all.jumps, all.populations,
      all.populations_despite_jumps);
  if (runs < kEnough) return;
  // Whoever does nothing keeps every promise. A fifth of what is usual: how much happens in a life depends on who is
  // how quick.
  CHECK(all.commands >= runs);
  CHECK(all.restarts >= runs);
  CHECK(all.verified >= runs);
  CHECK(all.held >= runs);
  CHECK(all.kills >= runs / 8);
  CHECK(all.jumps >= runs / 10);
  CHECK(all.populations >= runs / 4);
  CHECK(all.populations_despite_jumps >= runs / 8);
}

}  // namespace
}  // namespace heal
