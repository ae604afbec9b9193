#include <catch2/catch.hpp>

#include "common/remedy/check.h"
#include "common/sim/fake_clock.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/scripted_prometheus_api.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_dialer.h"

namespace heal::remedy::test {
namespace {

/// A query that is asked a while after the last step, and selects the series `x` and `y`.
struct FreshnessBench {
  CheckResult ask(const std::string& query) {
    playbook::Check check;
    check.kind = playbook::Check::Kind::kPromql;
    check.address = query;
    check.comparison = playbook::Comparison::kGreater;
    check.bound = 0;
    prometheus->on(query, {{{}, 7, {}}});
    // An expression's own timestamp is the time of its evaluation, which is new for ever.
    prometheus->on("timestamp(" + query + ")", {{{}, to_unix_seconds(clock.now()), {}}});
    scraped("x", x);
    scraped("y", y);
    return remedy::ask(check, {world, tools, {}, stepped}, clock.deadline_in(5s), {});
  }
  void scraped(const std::string& selector, Duration after) {
    prometheus->on("timestamp(" + selector + ")", {{{}, to_unix_seconds(stepped + after), {}}});
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SequenceRandom random;
  ScriptedHttpClient http{clock};
  SimDialer dialer{clock};
  ScriptedProcessRunner processes{clock};
  std::shared_ptr<ScriptedPrometheusApi> prometheus = std::make_shared<ScriptedPrometheusApi>(clock);
  Tools tools{clock, random, http, dialer, processes};
  World world;
  WallTime stepped = clock.now();
  Duration x = 1s, y = 1s;

  FreshnessBench() {
    world.prometheus = prometheus;
    clock.advance(2min);
  }
};

TEST_CASE("a sample that was scraped before the last step proves nothing, whatever is computed of it") {
  FreshnessBench bench;
  const std::string query = GENERATE("x", "sum(x)", "x > 0", "x + y", "rate(x[1m])");
  CAPTURE(query);
  CHECK(bench.ask(query) == CheckResult{Answer::kPass, "promql " + query + ": 1 sample(s) > 0"});
  bench.x = -1s;
  CHECK(bench.ask(query) ==
        CheckResult{Answer::kUnknown, "promql " + query + ": no sample is newer than the last step yet"});
}

TEST_CASE("a query that looks back beyond the last step proves nothing until it does not") {
  FreshnessBench bench;
  CHECK(bench.ask("rate(x[5m])") ==
        CheckResult{Answer::kUnknown, "promql rate(x[5m]): it looks back 5m, to before the end of the last step"});
  CHECK(bench.ask("x offset 2m").answer == Answer::kUnknown);
  bench.clock.advance(4min);
  CHECK(bench.ask("rate(x[5m])").answer == Answer::kPass);
  CHECK(bench.ask("x offset 2m").answer == Answer::kPass);
}

TEST_CASE("a query that reads no samples, or that cannot be read, proves nothing") {
  FreshnessBench bench;
  CHECK(bench.ask("vector(1)") == CheckResult{Answer::kUnknown, "promql vector(1): it reads no samples"});
  CHECK(bench.ask("x @ 5") ==
        CheckResult{Answer::kUnknown,
                    "promql x @ 5: it cannot be told what the query reads: it is pinned to a time by @"});
}

}  // namespace
}  // namespace heal::remedy::test
