#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_container_engine.h"
#include "exporter/docker_watch.h"

namespace heal::exporter {
namespace {

SimContainer container(const std::string& name, Labels labels) {
  SimContainer out;
  out.name = name;
  out.labels = std::move(labels);
  return out;
}

class Bench {
 public:
  Bench() {
    DockerWatchConfig config;
    config.engine = "local";
    config.expect = {"ghost"};
    auto sim = std::make_unique<SimContainerEngine>(clock);
    engine = sim.get();
    watch = std::make_shared<DockerWatch>(config, std::move(sim), clock, Logger::none());
    engine->add(container("web", {{"heal.enable", "true"}, {"heal.group", "front"}}));
    engine->add(container("private", {{"heal.enable", "yes"}}));
  }
  /// The exposition's sample lines that begin with `prefix`.
  std::string lines(const std::string& prefix) const {
    ExpositionWriter out;
    write_watches({watch}, out);
    std::string found;
    std::string_view text = out.text();
    while (!text.empty()) {
      const std::size_t end = text.find('\n') + 1;
      if (text.starts_with(prefix)) found += text.substr(0, end);
      text.remove_prefix(end);
    }
    return found;
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SimContainerEngine* engine = nullptr;
  std::shared_ptr<DockerWatch> watch;
};

const std::string kGhost = "heal_container_up{engine=\"local\",container=\"ghost\",image=\"\",group=\"\"} 0\n";

std::string web_up(int up) {
  return "heal_container_up{engine=\"local\",container=\"web\",image=\"sim/image:1\",group=\"front\"} " +
         std::to_string(up) + "\n" + kGhost;
}

TEST_CASE("only labelled containers are watched, and one that is expected and absent is down") {
  Bench bench;
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(1));
  CHECK(bench.lines("heal_watch_up") == "heal_watch_up{engine=\"local\"} 1\n");
}

TEST_CASE("paused and dead containers are down, with their state and exit code") {
  Bench bench;
  REQUIRE(bench.engine->pause("web", bench.clock.deadline_in(1s), {}).has_value());
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(0));
  CHECK(bench.lines("heal_container_state{engine=\"local\",container=\"web\",state=\"paused\"}") ==
        "heal_container_state{engine=\"local\",container=\"web\",state=\"paused\"} 1\n");
  REQUIRE(bench.engine->unpause("web", bench.clock.deadline_in(1s), {}).has_value());
  bench.engine->crash("web", 137, true);
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(0));
  CHECK(bench.lines("heal_container_exit_code") ==
        "heal_container_exit_code{engine=\"local\",container=\"web\"} 137\n");
  CHECK(bench.lines("heal_container_oom_killed") ==
        "heal_container_oom_killed{engine=\"local\",container=\"web\"} 1\n");
}

TEST_CASE("what a container uses is shown while it runs and not afterwards") {
  Bench bench;
  bench.engine->set_stats("web", {12.5, 1000, 2000, 7});
  bench.watch->look({});
  CHECK(bench.lines("heal_container_pids").empty());
  bench.watch->measure({});
  CHECK(bench.lines("heal_container_cpu") ==
        "heal_container_cpu_seconds_total{engine=\"local\",container=\"web\"} 12.5\n");
  CHECK(bench.lines("heal_container_memory") ==
        "heal_container_memory_bytes{engine=\"local\",container=\"web\"} 1000\n"
        "heal_container_memory_limit_bytes{engine=\"local\",container=\"web\"} 2000\n");
  CHECK(bench.lines("heal_container_pids") == "heal_container_pids{engine=\"local\",container=\"web\"} 7\n");
  bench.engine->crash("web", 1);
  bench.watch->look({});
  CHECK(bench.lines("heal_container_pids").empty());
}

TEST_CASE("an engine that is gone for a moment is not a death; one that stays away is unknown, not up") {
  Bench bench;
  bench.watch->look({});
  bench.engine->go_away();
  bench.clock.advance(14s);
  bench.watch->look({});
  CHECK(bench.lines("heal_watch_up") == "heal_watch_up{engine=\"local\"} 0\n");
  CHECK(bench.lines("heal_container_up") == web_up(1).substr(0, web_up(1).size() - kGhost.size()));
  bench.clock.advance(2s);
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up").empty());
  CHECK(bench.lines("heal_watch_failures_total") == "heal_watch_failures_total{engine=\"local\"} 2\n");
  bench.engine->come_back();
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(1));
}

TEST_CASE("a container that vanishes between the list and the look at it is left out") {
  Bench bench;
  bench.engine->fail_next("inspect", Error(ErrorCode::kNotFound, "no such container"));
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == kGhost);
  CHECK(bench.watch->view().engine_up);
}

TEST_CASE("each health has its series, one of them 1") {
  Bench bench;
  SimContainer checked = container("checked", {{"heal.enable", "true"}});
  checked.program.has_healthcheck = true;
  bench.engine->add(checked);
  bench.engine->set_health("checked", "unhealthy");
  bench.watch->look({});
  CHECK(bench.lines("heal_container_health{engine=\"local\",container=\"checked\"") ==
        "heal_container_health{engine=\"local\",container=\"checked\",health=\"none\"} 0\n"
        "heal_container_health{engine=\"local\",container=\"checked\",health=\"starting\"} 0\n"
        "heal_container_health{engine=\"local\",container=\"checked\",health=\"healthy\"} 0\n"
        "heal_container_health{engine=\"local\",container=\"checked\",health=\"unhealthy\"} 1\n");
}

}  // namespace
}  // namespace heal::exporter
