#include <thread>

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

class DockerBench {
 public:
  DockerBench() {
    DockerWatchConfig config;
    config.engine = "local";
    config.expect = {"ghost", "plain"};
    auto sim = std::make_unique<SimContainerEngine>(clock);
    engine = sim.get();
    watch = std::make_shared<DockerWatch>(config, std::move(sim), clock, Logger::none());
    engine->add(container("web", {{"heal.enable", "true"}, {"heal.group", "front"}}));
    engine->add(container("private", {{"heal.enable", "yes"}}));
  }
  /// The exposition's sample lines that begin with `prefix`.
  std::string lines(const std::string& prefix) const {
    ExpositionWriter out;
    write_containers({watch}, out);
    write_watch_states({watch->view().state}, out);
    std::string found;
    std::string_view text = out.text();
    while (!text.empty()) {
      const std::size_t end = text.find('\n') + 1;
      if (text.starts_with(prefix)) found += text.substr(0, end);
      text.remove_prefix(end);
    }
    return found;
  }

  /// Follows the events until all that there are so far are taken.
  void follow() {
    std::jthread follower([this](const std::stop_token& stop) { (void)watch->follow_once(stop); });
    engine->wait_for_followers(1);
    engine->go_away();
    follower.join();
    engine->come_back();
  }
  /// `code 0` and so on for all deaths of web that are not 0.
  std::string deaths() const {
    std::string found;
    WatchView view = watch->view();
    for (const auto& [code, count] : view.counts["web"].deaths)
      found += code + " " + std::to_string(count) + "\n";
    return found;
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SimContainerEngine* engine = nullptr;
  std::shared_ptr<DockerWatch> watch;
};

const std::string kGhost =
    "heal_container_up{engine=\"local\",container=\"ghost\",image=\"\",group=\"\"} 0\n"
    "heal_container_up{engine=\"local\",container=\"plain\",image=\"\",group=\"\"} 0\n";

std::string web_up(int up) {
  return "heal_container_up{engine=\"local\",container=\"web\",image=\"sim/image:1\",group=\"front\"} " +
         std::to_string(up) + "\n" + kGhost;
}

TEST_CASE("only labelled containers are watched, and one that is expected and absent is down") {
  DockerBench bench;
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(1));
  CHECK(bench.lines("heal_watch_up") == "heal_watch_up{watch=\"docker\",engine=\"local\"} 1\n");
}

TEST_CASE("one that is expected and has no label is up when it runs, and nothing else is asked of it") {
  DockerBench bench;
  bench.engine->add(container("plain", {{"heal.group", "back"}}));
  bench.watch->look({});
  bench.watch->measure({});
  const std::string series =
      "heal_container_up{engine=\"local\",container=\"plain\",image=\"sim/image:1\",group=\"back\"} ";
  CHECK(bench.lines(series) == series + "1\n");
  CHECK(bench.lines("heal_container_state{engine=\"local\",container=\"plain\"").empty());
  for (const SimEngineCall& call : bench.engine->calls())
    CHECK((call.verb == "list" || call.container != "plain"));
  bench.engine->crash("plain", 1);
  bench.watch->look({});
  CHECK(bench.lines(series) == series + "0\n");
}

TEST_CASE("what was seen longer than three intervals ago is not shown, however slowly the engine answers") {
  DockerBench bench;
  bench.engine->set_delay("list", 2s);
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(1));
  bench.clock.advance(13s);
  CHECK(bench.lines("heal_container_up") == web_up(1));
  // The look began two seconds before it ended: 15 s and a bit ago.
  bench.clock.advance(1s);
  CHECK((bench.lines("heal_container_up") + bench.lines("heal_container_state")).empty());
  CHECK(bench.lines("heal_watch_up") == "heal_watch_up{watch=\"docker\",engine=\"local\"} 0\n");
  CHECK(bench.lines("heal_watch_failure_info") ==
        "heal_watch_failure_info{watch=\"docker\",engine=\"local\",reason=\"timeout\"} 1\n");
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(1));
  CHECK(bench.lines("heal_watch_up") == "heal_watch_up{watch=\"docker\",engine=\"local\"} 1\n");
}

TEST_CASE("containers are asked for several at a time, and shown in order") {
  DockerBench bench;
  for (const char* name : {"e", "a", "d", "b", "c"})
    bench.engine->add(container(name, {{"heal.enable", "true"}}));
  bench.watch->look({});
  std::string names;
  for (const SeenContainer& seen : bench.watch->view().containers)
    names += seen.info.name + " ";
  CHECK(names == "a b c d e web ");
  bench.engine->fail_next("inspect", Error(ErrorCode::kTimeout, "slow"));
  bench.watch->look({});
  CHECK_FALSE(bench.watch->view().state.up);
}

TEST_CASE("paused and dead containers are down, with their state and exit code") {
  DockerBench bench;
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
  DockerBench bench;
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

TEST_CASE("a container's CPU limit is shown however it was set, and none where there is none") {
  DockerBench bench;
  bench.watch->look({});
  CHECK(bench.lines("heal_container_cpu_limit_cores").empty());
  const auto shown = [&](const std::string& name, const ContainerLimits& limits) {
    bench.engine->add(container(name, {{"heal.enable", "true"}}));
    REQUIRE(bench.engine->update(name, limits, bench.clock.deadline_in(1s), {}).has_value());
    bench.watch->look({});
    return bench.lines("heal_container_cpu_limit_cores{engine=\"local\",container=\"" + name + "\"}");
  };
  const auto line = [](const std::string& name, const std::string& value) {
    return "heal_container_cpu_limit_cores{engine=\"local\",container=\"" + name + "\"} " + value + "\n";
  };
  ContainerLimits limits;
  limits.nano_cpus = 1'500'000'000;
  CHECK(shown("whole", limits) == line("whole", "1.5"));
  limits = {};
  limits.cpu_quota_us = 25'000;
  CHECK(shown("quota", limits) == line("quota", "0.25"));
  limits.cpu_period_us = 50'000;
  CHECK(shown("period", limits) == line("period", "0.5"));
  limits.cpu_quota_us = -1;
  CHECK(shown("unlimited", limits).empty());
}

TEST_CASE("an engine that is gone for a moment is not a death; one that stays away is unknown, not up") {
  DockerBench bench;
  bench.watch->look({});
  bench.engine->go_away();
  bench.clock.advance(14s);
  bench.watch->look({});
  CHECK(bench.lines("heal_watch_up") == "heal_watch_up{watch=\"docker\",engine=\"local\"} 0\n");
  CHECK(bench.lines("heal_container_up") == web_up(1).substr(0, web_up(1).size() - kGhost.size()));
  bench.clock.advance(2s);
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up").empty());
  CHECK(bench.lines("heal_watch_failures_total") == "heal_watch_failures_total{watch=\"docker\",engine=\"local\"} 2\n");
  bench.engine->come_back();
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == web_up(1));
}

TEST_CASE("a container that vanishes between the list and the look at it is left out") {
  DockerBench bench;
  bench.engine->fail_next("inspect", Error(ErrorCode::kNotFound, "no such container"));
  bench.watch->look({});
  CHECK(bench.lines("heal_container_up") == kGhost);
  CHECK(bench.watch->view().state.up);
}

TEST_CASE("each health has its series, one of them 1") {
  DockerBench bench;
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

TEST_CASE("a container that died and ran again between two looks has its death counted, with the exit code") {
  DockerBench bench;
  bench.watch->look({});
  CHECK(bench.lines("heal_container_deaths_total") ==
        "heal_container_deaths_total{engine=\"local\",container=\"web\",exit_code=\"0\"} 0\n"
        "heal_container_deaths_total{engine=\"local\",container=\"web\",exit_code=\"1\"} 0\n"
        "heal_container_deaths_total{engine=\"local\",container=\"web\",exit_code=\"137\"} 0\n"
        "heal_container_deaths_total{engine=\"local\",container=\"web\",exit_code=\"139\"} 0\n"
        "heal_container_deaths_total{engine=\"local\",container=\"web\",exit_code=\"143\"} 0\n");
  bench.clock.advance(1s);
  bench.engine->crash("web", 42, true);
  REQUIRE(bench.engine->start("web", bench.clock.deadline_in(1s), {}).has_value());
  bench.clock.advance(1s);
  bench.follow();
  bench.watch->look({});
  CHECK(bench.deaths() == "42 1\n");
  CHECK(bench.lines("heal_container_oom_kills_total") ==
        "heal_container_oom_kills_total{engine=\"local\",container=\"web\"} 1\n");
  CHECK(bench.lines("heal_container_last_death") ==
        "heal_container_last_death_timestamp_seconds{engine=\"local\",container=\"web\"} 1.893553446e+09\n");
  CHECK(bench.lines("heal_container_up") == web_up(1));
}

TEST_CASE("events that come again after a reconnection are counted once, new ones at the same place too") {
  DockerBench bench;
  for (int i = 0; i < 3; ++i) {
    bench.clock.advance(1s);
    bench.engine->crash("web", 1);
    REQUIRE(bench.engine->start("web", bench.clock.deadline_in(1s), {}).has_value());
    bench.follow();
  }
  bench.follow();
  CHECK(bench.deaths() == "1 3\n");
}

TEST_CASE("what happened before the watch began, and to containers that are not watched, is not counted") {
  FakeClock clock{FakeClock::Sleeping::kAdvances};
  auto sim = std::make_unique<SimContainerEngine>(clock);
  SimContainerEngine& engine = *sim;
  engine.add(container("web", {{"heal.enable", "true"}}));
  engine.add(container("private", {{"heal.enable", "yes"}}));
  engine.crash("web", 9);
  clock.advance(1s);
  DockerWatch watch({}, std::move(sim), clock, Logger::none());
  engine.crash("private", 9);
  std::jthread follower([&](const std::stop_token& stop) { (void)watch.follow_once(stop); });
  engine.wait_for_followers(1);
  engine.go_away();
  follower.join();
  engine.come_back();
  for (int i = 0; i < 3; ++i) {
    watch.look({});
    clock.advance(3s);
  }
  CHECK(watch.view().counts == std::map<std::string, ContainerCounts>{{"web", {}}});
}

TEST_CASE("a death that no event told is found by the next looks, and its event counts nothing when it comes late") {
  DockerBench bench;
  bench.clock.advance(1s);
  bench.engine->crash("web", 7);
  bench.watch->look({});
  CHECK(bench.deaths().empty());
  bench.clock.advance(DockerTally::kSettle);
  bench.watch->look({});
  CHECK(bench.deaths() == "7 1\n");
  bench.clock.advance(5s);
  bench.watch->look({});
  bench.follow();
  CHECK(bench.deaths() == "7 1\n");
  REQUIRE(bench.engine->start("web", bench.clock.deadline_in(1s), {}).has_value());
  bench.clock.advance(1s);
  bench.engine->crash("web", 7);
  bench.follow();
  CHECK(bench.deaths() == "7 2\n");
}

TEST_CASE("of one that died unseen and runs again the exit code is unknown") {
  DockerBench bench;
  bench.clock.advance(1s);
  bench.engine->crash("web", 7);
  REQUIRE(bench.engine->start("web", bench.clock.deadline_in(1s), {}).has_value());
  bench.watch->look({});
  bench.clock.advance(DockerTally::kSettle);
  bench.watch->look({});
  CHECK(bench.deaths() == "unknown 1\n");
}

TEST_CASE("a container that removes itself at its end leaves its death behind for ten minutes") {
  DockerBench bench;
  bench.watch->look({});
  bench.clock.advance(1s);
  bench.engine->crash("web", 3);
  REQUIRE(bench.engine->remove("web", bench.clock.deadline_in(1s), {}).has_value());
  bench.follow();
  bench.watch->look({});
  CHECK(bench.deaths() == "3 1\n");
  bench.clock.advance(DockerTally::kKeepGone + 1s);
  bench.watch->look({});
  CHECK(bench.lines("heal_container_deaths_total").empty());
}

TEST_CASE("changes of health are counted by what it became") {
  DockerBench bench;
  bench.watch->look({});
  for (const char* health : {"healthy", "unhealthy", "healthy"}) {
    bench.clock.advance(1s);
    bench.engine->set_health("web", health);
  }
  bench.follow();
  CHECK(bench.lines("heal_container_health_changes_total") ==
        "heal_container_health_changes_total{engine=\"local\",container=\"web\",health=\"healthy\"} 2\n"
        "heal_container_health_changes_total{engine=\"local\",container=\"web\",health=\"unhealthy\"} 1\n");
}

TEST_CASE("the last log line's time outlives a failed question, and the dead are asked once") {
  DockerBench bench;
  const std::string kLogged =
      "heal_container_last_log_timestamp_seconds{engine=\"local\",container=\"web\"} 1.893553445e+09\n";
  bench.watch->look({});
  CHECK(bench.lines("heal_container_last_log").empty());
  bench.engine->append_log("web", "hello");
  bench.watch->look({});
  CHECK(bench.lines("heal_container_last_log") == kLogged);
  bench.engine->fail_next("last_log_time", Error(ErrorCode::kTimeout, "too slow"));
  bench.watch->look({});
  CHECK(bench.lines("heal_container_last_log") == kLogged);
  bench.engine->crash("web", 1);
  bench.watch->look({});
  bench.engine->forget_calls();
  bench.watch->look({});
  CHECK(bench.engine->calls().size() == 2);  // list, inspect
  CHECK(bench.lines("heal_container_last_log") == kLogged);
}

TEST_CASE("a container says by a label how long it may be silent") {
  DockerBench bench;
  bench.engine->add(container("chatty", {{"heal.enable", "true"}, {"heal.log-silence", "5m"}}));
  bench.engine->add(container("wrong", {{"heal.enable", "true"}, {"heal.log-silence", "soon"}}));
  bench.watch->look({});
  CHECK(bench.lines("heal_container_log_silence_limit_seconds") ==
        "heal_container_log_silence_limit_seconds{engine=\"local\",container=\"chatty\"} 300\n");
}

TEST_CASE("an event makes the watch look before its next turn, and an engine that is gone is noticed at once") {
  FakeClock clock;
  DockerWatchConfig config;
  config.engine = "local";
  config.interval = 1h;
  auto sim = std::make_unique<SimContainerEngine>(clock);
  SimContainerEngine& engine = *sim;
  engine.add(container("web", {{"heal.enable", "true"}}));
  DockerWatch watch(config, std::move(sim), clock, Logger::none());
  // Twice, because what is already known to have happened has a look of its own wait until it is not too soon for one:
  // after the second no look is near but the one that is asked for.
  const auto wait_until_none_looks = [&] {
    for (int i = 0; i < 2; ++i) {
      clock.wait_for_sleepers(3);  // events, looks, measurements
      clock.advance(10s);
    }
    clock.wait_for_sleepers(3);
  };
  watch.start();
  engine.wait_for_followers(1);
  wait_until_none_looks();
  CHECK(watch.view().containers.at(0).info.running());
  engine.crash("web", 1);
  while (watch.view().containers.at(0).info.running())
    std::this_thread::yield();
  CHECK(watch.view().counts.at("web").deaths == std::map<std::string, std::uint64_t>{{"1", 1}});
  wait_until_none_looks();
  engine.go_away();
  while (watch.view().state.up)
    std::this_thread::yield();
  CHECK(watch.view().state.reason == "unreachable");
  watch.stop();
}

}  // namespace
}  // namespace heal::exporter
