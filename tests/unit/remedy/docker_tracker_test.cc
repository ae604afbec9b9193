#include "common/remedy/source/docker_tracker.h"

#include <catch2/catch.hpp>

namespace heal::remedy::test {
namespace {

constexpr WallTime at(int seconds) {
  return WallTime{std::chrono::seconds(1'000'000 + seconds)};
}
constexpr SteadyTime steady(int seconds) {
  return SteadyTime{std::chrono::seconds(5'000 + seconds)};
}

ContainerInfo web(const std::string& status) {
  ContainerInfo info;
  info.id = std::string(64, 'a');
  info.name = "web";
  info.image = "web:1";
  info.status = status;
  info.health = "none";
  info.started_at = at(-100);
  return info;
}
ContainerInfo dead(const std::string& status, std::int64_t exit_code, int finished) {
  ContainerInfo info = web(status);
  info.exit_code = exit_code;
  info.finished_at = at(finished);
  return info;
}
ContainerInfo restarted(int finished, int count) {
  ContainerInfo info = web("running");
  info.finished_at = at(finished);
  info.started_at = at(finished + 1);
  info.restart_count = count;
  return info;
}
const ContainerHint kDied{true, false, 1, std::nullopt, false};
const ContainerHint kNoHint;

/// `die CONTAINER_CRASH`, `over healed_by_docker`, `resolved container_running`
std::vector<std::string> words_of(const DockerTracker& tracker) {
  std::vector<std::string> out;
  for (const auto& event : tracker.untold()) {
    if (event.kind == SourceEvent::Kind::kFiring) out.push_back("firing " + event.name + ": " + event.facts.reason);
    if (event.kind == SourceEvent::Kind::kOver) out.push_back("over " + event.end_reason);
    if (event.kind == SourceEvent::Kind::kResolved) out.push_back("resolved " + event.end_reason);
  }
  return out;
}
using Words = std::vector<std::string>;

struct TrackerBench {
  DockerTracker tracker{"local", {10s, 30s}, at(0)};
  void look(const ContainerInfo& info, const ContainerHint& hint, int now) {
    tracker.look(info, "shop", hint, at(now), steady(now));
  }
};

TEST_CASE("a container that died and stays dead is told once, with all that is known of it") {
  TrackerBench bench;
  ContainerInfo info = dead("exited", 137, 5);
  info.oom_killed = true;
  bench.look(info, kDied, 6);
  bench.look(info, kDied, 7);
  bench.look(info, kNoHint, 40);
  REQUIRE(bench.tracker.untold().size() == 1);
  const SourceEvent& event = bench.tracker.untold().front();
  CHECK(event.key == "docker:" + info.id + ":die:1970-01-12T13:46:45Z");
  CHECK(event.name == "ContainerDied");
  CHECK(event.target == TargetId{"container", "local", "web"});
  CHECK(event.starts_at == at(5));
  CHECK(event.labels == Labels{{"alertname", "ContainerDied"},
                               {"container", "web"},
                               {"container_id", info.id},
                               {"engine", "local"},
                               {"event", "die"},
                               {"exit_code", "137"},
                               {"group", "shop"},
                               {"image", "web:1"},
                               {"source", "docker"},
                               {"type", "CONTAINER_CRASH"}});
  CHECK(event.facts == EventFacts{"CONTAINER_CRASH", 137, "exit code 137 (SIGKILL), out of memory", info.id, at(5)});
  bench.tracker.told(1);
  CHECK(bench.tracker.untold().empty());
  bench.look(web("running"), kNoHint, 60);
  CHECK(words_of(bench.tracker) == Words{"resolved container_running"});
  CHECK(bench.tracker.untold().front().key == event.key);
}

TEST_CASE("what died before anybody watched is not told; what died while nobody watched is") {
  TrackerBench bench;
  bench.look(dead("exited", 1, -5), kNoHint, 1);
  CHECK(words_of(bench.tracker).empty());
  bench.look(dead("exited", 0, 3), kNoHint, 20);
  CHECK(words_of(bench.tracker) == Words{"firing ContainerStopped: exit code 0"});
}

TEST_CASE("a container that Docker brought back and that stays up is healed by Docker, once") {
  TrackerBench bench;
  std::optional<std::int64_t> exit_code = 1;
  SECTION("seen while it restarts") {
    bench.look(dead("restarting", 1, 5), kDied, 6);
    CHECK(bench.tracker.next_due() == steady(16));
    bench.look(restarted(5, 1), kNoHint, 7);
    CHECK(words_of(bench.tracker).empty());
    CHECK(bench.tracker.next_due() == steady(17));
    CHECK(bench.tracker.due(steady(17)).size() == 1);
    bench.look(restarted(5, 1), kNoHint, 17);
  }
  SECTION("seen when it ran again") {
    bench.look(restarted(5, 1), kDied, 6);
    bench.look(restarted(5, 1), kNoHint, 16);
  }
  SECTION("seen before the event came that tells of it") {
    bench.look(restarted(5, 1), kNoHint, 6);
    bench.look(restarted(5, 1), kDied, 7);
    bench.look(restarted(5, 1), kNoHint, 16);
  }
  SECTION("while nobody watched") {
    exit_code = std::nullopt;
    bench.look(restarted(5, 3), kNoHint, 100);
    bench.look(restarted(5, 3), kNoHint, 110);
  }
  CHECK(words_of(bench.tracker) == Words{"over healed_by_docker"});
  CHECK(bench.tracker.untold().front().facts.exit_code == exit_code);
  CHECK(bench.tracker.next_due() == std::nullopt);
  bench.look(restarted(5, 1), kNoHint, 50);
  CHECK(bench.tracker.untold().size() == 1);
}

TEST_CASE("a container that dies again and again is a trouble, whatever Docker does") {
  TrackerBench bench;
  for (int i = 0; i < 3; ++i) {
    bench.look(dead("restarting", 1, 5 + i * 4), kDied, 6 + i * 4);
    bench.look(restarted(5 + i * 4, i + 1), kNoHint, 7 + i * 4);
  }
  CHECK(words_of(bench.tracker) ==
        Words{"firing ContainerDied: exit code 1; died 3 times, restarted by Docker in between"});
  CHECK(bench.tracker.untold().front().starts_at == at(5));
  bench.look(restarted(13, 3), kNoHint, 20);
  CHECK(bench.tracker.untold().size() == 1);  // up, but not for long enough
  bench.look(restarted(13, 3), kNoHint, 30);
  CHECK(words_of(bench.tracker).back() == "resolved healed_by_docker");
}

TEST_CASE("a container that dies more rarely than Docker is waited for is a trouble at its third death") {
  TrackerBench bench;
  for (int i = 0; i < 3; ++i) {
    bench.look(restarted(5 + i * 20, i + 1), kDied, 6 + i * 20);
    bench.look(restarted(5 + i * 20, i + 1), kNoHint, 17 + i * 20);
  }
  CHECK(words_of(bench.tracker) == Words{"over healed_by_docker", "over healed_by_docker",
                                         "firing ContainerDied: exit code 1; died 3 times, restarted by Docker in "
                                         "between"});
  CHECK(label_value(bench.tracker.untold().back().labels, "loop") == "slow");
  CHECK(bench.tracker.next_due() == steady(46 + 600));
  bench.look(restarted(45, 3), kNoHint, 46 + 600);
  CHECK(words_of(bench.tracker).back() == "resolved healed_by_docker");
}

TEST_CASE("what Docker heals once an hour is healed by Docker") {
  TrackerBench bench;
  for (int i = 0; i < 4; ++i) {
    bench.look(restarted(5 + i * 3600, i + 1), kDied, 6 + i * 3600);
    bench.look(restarted(5 + i * 3600, i + 1), kNoHint, 17 + i * 3600);
  }
  CHECK(words_of(bench.tracker) == Words(4, "over healed_by_docker"));
}

TEST_CASE("a container that Docker takes too long to bring back is a trouble") {
  TrackerBench bench;
  bench.look(dead("restarting", 1, 5), kDied, 6);
  bench.look(dead("restarting", 1, 5), kNoHint, 10);
  CHECK(words_of(bench.tracker).empty());
  bench.look(dead("restarting", 1, 5), kNoHint, 16);
  CHECK(words_of(bench.tracker) == Words{"firing ContainerDied: exit code 1"});
}

TEST_CASE("a restart that somebody asked for is no failure") {
  TrackerBench bench;
  ContainerInfo info = restarted(5, 0);
  bench.look(info, kDied, 6);
  bench.look(info, kNoHint, 30);
  CHECK(bench.tracker.untold().empty());
}

TEST_CASE("a failing health check is told once and is over when it passes, or the container is gone") {
  TrackerBench bench;
  ContainerInfo sick = web("running");
  sick.health = "unhealthy";
  bench.look(sick, {false, false, std::nullopt, at(3), false}, 4);
  bench.look(sick, kNoHint, 30);
  REQUIRE(words_of(bench.tracker) == Words{"firing ContainerUnhealthy: the container's own health check fails"});
  CHECK(bench.tracker.untold().front().facts.failed_at == at(3));
  CHECK(bench.tracker.untold().front().facts.type == "HEALTH_CHECK_FAILURE");
  SECTION("passes") {
    sick.health = "starting";
    bench.look(sick, kNoHint, 31);
    CHECK(bench.tracker.untold().size() == 1);
    sick.health = "healthy";
    bench.look(sick, kNoHint, 32);
    CHECK(words_of(bench.tracker).back() == "resolved container_healthy");
  }
  SECTION("gone") {
    bench.tracker.gone(sick.id, at(40));
    CHECK(words_of(bench.tracker).back() == "resolved container_removed");
    CHECK(bench.tracker.known().empty());
  }
  SECTION("no target any more") {
    bench.tracker.left_inventory(sick.id, at(40));
    CHECK(words_of(bench.tracker).back() == "resolved left_inventory");
    CHECK(bench.tracker.known().empty());
  }
  SECTION("dies of it, and is started again") {
    bench.look(dead("exited", 1, 31), kDied, 31);
    CHECK(words_of(bench.tracker).back() == "firing ContainerDied: exit code 1");
    ContainerInfo starting = web("running");
    starting.finished_at = at(31);
    starting.health = "starting";
    bench.look(starting, kNoHint, 33);
    CHECK(words_of(bench.tracker).back() == "resolved container_running");
    starting.health = "healthy";
    bench.look(starting, kNoHint, 34);
    CHECK(words_of(bench.tracker).back() == "resolved container_healthy");
    CHECK(bench.tracker.untold().size() == 4);
  }
  SECTION("dies of it and is gone, and both are over") {
    bench.look(dead("exited", 1, 31), kDied, 31);
    bench.tracker.gone(sick.id, at(40));
    CHECK(words_of(bench.tracker).size() == 4);
  }
}

TEST_CASE("a container that is unhealthy and dies again and again is two troubles") {
  TrackerBench bench;
  ContainerInfo sick = web("running");
  sick.health = "unhealthy";
  bench.look(sick, kNoHint, 4);
  for (int i = 0; i < 3; ++i) {
    ContainerInfo back = restarted(5 + i * 4, i + 1);
    back.health = "starting";
    bench.look(back, kDied, 6 + i * 4);
  }
  CHECK(words_of(bench.tracker) ==
        Words{"firing ContainerUnhealthy: the container's own health check fails",
              "firing ContainerDied: exit code 1; died 3 times, restarted by Docker in between"});
}

ContainerInfo unstarted(int created) {
  ContainerInfo info = web("created");
  info.started_at.reset();
  info.created_at = at(created);
  return info;
}

TEST_CASE("a container that cannot be started is a failed deployment as soon as the engine says so, once") {
  TrackerBench bench;
  ContainerInfo info = unstarted(5);
  bench.look(info, kNoHint, 6);
  CHECK(bench.tracker.untold().empty());
  CHECK(bench.tracker.next_due() == steady(6) + 200ms);
  info.exit_code = 127;
  info.error = "exec: no such file";
  bench.look(info, kNoHint, 7);
  bench.look(info, kNoHint, 60);
  REQUIRE(bench.tracker.untold().size() == 1);
  const SourceEvent& event = bench.tracker.untold().front();
  CHECK(event.key == "docker:" + info.id + ":start:1970-01-12T13:46:45Z");
  CHECK(event.name == "ContainerDeploymentFailed");
  CHECK(event.labels == Labels{{"alertname", "ContainerDeploymentFailed"},
                               {"container", "web"},
                               {"container_id", info.id},
                               {"engine", "local"},
                               {"event", "start"},
                               {"exit_code", "127"},
                               {"group", "shop"},
                               {"image", "web:1"},
                               {"source", "docker"},
                               {"type", "DEPLOYMENT_FAILURE"}});
  // The engine keeps no time of it.
  CHECK(event.facts == EventFacts{"DEPLOYMENT_FAILURE", 127,
                                  "it could not be started: exit code 127: exec: no such file", info.id, std::nullopt});
  CHECK(bench.tracker.next_due() == std::nullopt);
  SECTION("started after all") {
    ContainerInfo up = web("running");
    up.created_at = at(5);
    bench.look(up, kNoHint, 61);
    CHECK(words_of(bench.tracker).back() == "resolved container_running");
  }
  SECTION("made anew") {
    bench.tracker.gone(info.id, at(61));
    CHECK(words_of(bench.tracker).back() == "resolved container_removed");
  }
}

TEST_CASE("a container that nobody starts is looked at ever more rarely, and then a failed deployment") {
  TrackerBench bench;
  bench.look(unstarted(5), kNoHint, 6);
  bench.look(unstarted(5), kNoHint, 26);
  CHECK(bench.tracker.next_due() == steady(31));
  bench.look(unstarted(5), kNoHint, 35);
  CHECK(bench.tracker.next_due() == steady(36));
  bench.look(unstarted(5), kNoHint, 36);
  CHECK(words_of(bench.tracker) == Words{"firing ContainerDeploymentFailed: it was created, and not started for 30s"});
  CHECK(bench.tracker.untold().front().facts.exit_code == std::nullopt);
}

TEST_CASE("a container that is started in time, or was made before anybody watched, is no failed deployment") {
  TrackerBench bench;
  bench.look(unstarted(5), kNoHint, 6);
  bench.look(web("running"), kNoHint, 7);
  CHECK(bench.tracker.known().empty());
  bench.look(unstarted(-5), kNoHint, 8);
  bench.look(unstarted(-5), kNoHint, 100);
  CHECK(bench.tracker.untold().empty());
  CHECK(bench.tracker.next_due() == std::nullopt);
}

TEST_CASE("a health check that never passed since the container was made is a failed deployment, later it is not") {
  TrackerBench bench;
  ContainerInfo info = web("running");
  info.created_at = at(1);
  info.health = "starting";
  std::string type = "DEPLOYMENT_FAILURE";
  bench.look(info, kNoHint, 2);
  SECTION("never") {}
  SECTION("it passed") {
    info.health = "healthy";
    bench.look(info, kNoHint, 3);
    bench.look(web("created"), kNoHint, 3);
    type = "HEALTH_CHECK_FAILURE";
  }
  SECTION("it passed before anybody looked") {
    info.health = "unhealthy";
    bench.look(info, {false, false, std::nullopt, at(3), true}, 3);
    type = "HEALTH_CHECK_FAILURE";
  }
  SECTION("it was made before anybody watched") {
    info.created_at = at(-1);
    type = "HEALTH_CHECK_FAILURE";
  }
  info.health = "unhealthy";
  bench.look(info, {false, false, std::nullopt, at(3), false}, 4);
  REQUIRE(bench.tracker.untold().size() == 1);
  CHECK(bench.tracker.untold().front().facts.type == type);
  CHECK(bench.tracker.untold().front().facts.failed_at == at(3));
  CHECK(bench.tracker.untold().front().name ==
        (type == "DEPLOYMENT_FAILURE" ? "ContainerDeploymentFailed" : "ContainerUnhealthy"));
}

TEST_CASE("what an earlier run told is known: it is not told again, and its end is") {
  TrackerBench bench;
  bench.look(dead("exited", 1, 5), kDied, 6);
  const SourceEvent told = bench.tracker.untold().front();
  Episode episode;
  episode.key = told.key;
  episode.source = told.source;
  episode.labels = told.labels;
  episode.starts_at = told.starts_at;
  DockerTracker next("local", {10s, 30s}, at(4));
  next.know(episode);
  next.look(dead("exited", 1, 5), "shop", kNoHint, at(50), steady(0));
  CHECK(next.untold().empty());
  next.look(web("running"), "shop", kNoHint, at(60), steady(10));
  REQUIRE(next.untold().size() == 1);
  CHECK(next.untold().front().key == told.key);
  CHECK(next.untold().front().kind == SourceEvent::Kind::kResolved);
}

}  // namespace
}  // namespace heal::remedy::test
