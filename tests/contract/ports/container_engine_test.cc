#include <algorithm>
#include <map>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "tests/contract/ports/engine_fixture.h"
#include "tests/support/code_of.h"

namespace heal {
namespace {

using test::code_of;
using test::engine_kind;
using test::EngineFixture;
using test::EngineKind;
using Program = EngineFixture::Program;

/// Collects events on a thread of its own.
class Follower {
 public:
  Follower(ContainerEngine& engine, WallTime since, std::string name)
      : name_(std::move(name)), thread_([this, &engine, since](const std::stop_token& stop) {
          status_ = engine.events(
              since,
              [this](const ContainerEvent& event) {
                // `top` is the fixture's own doing: it waits for the container's shell.
                if (event.name != name_ || event.action == "top") return;
                MutexLock lock(mutex_);
                events_.push_back(event);
                more_.notify_all();
              },
              stop);
        }) {}

  /// Blocks until `action` was seen; gives all actions up to then.
  std::vector<std::string> until(const std::string& action) {
    MutexLock lock(mutex_);
    for (;;) {
      std::vector<std::string> actions;
      for (const ContainerEvent& event : events_) {
        actions.push_back(event.action);
        if (event.action == action) return actions;
      }
      more_.wait(mutex_);
    }
  }
  ContainerEvent first(const std::string& action) {
    MutexLock lock(mutex_);
    return *std::find_if(events_.begin(), events_.end(), [&](const auto& event) { return event.action == action; });
  }
  Status stop() {
    thread_.request_stop();
    thread_.join();
    return status_;
  }

 private:
  const std::string name_;
  Mutex mutex_;
  CondVar more_;
  std::vector<ContainerEvent> events_ HEAL_GUARDED_BY(mutex_);
  Status status_;
  std::jthread thread_;
};

TEST_CASE("an engine says its version and the API in use") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  const auto version = fixture->engine().version(fixture->soon(), {});
  REQUIRE(code_of(version) == "ok");
  CHECK_FALSE(version->engine.empty());
  CHECK(version->api.starts_with("1.4"));
}

TEST_CASE("a running container is described and listed") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const WallTime before = fixture->clock().now();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  const auto info = engine.inspect(name, fixture->soon(), {});
  REQUIRE(code_of(info) == "ok");
  CHECK(info->id.size() == 64);
  CHECK(info->name == name);
  CHECK(info->image == "promheal-test/busybox:contract");
  CHECK(info->status == "running");
  CHECK(info->health == "none");
  CHECK(label_value(info->labels, "heal.test") == "contract");
  CHECK(info->pid > 0);
  CHECK(info->restart_policy == "no");
  CHECK(info->restart_count == 0);
  REQUIRE(info->started_at.has_value());
  CHECK(*info->started_at >= before);
  CHECK(info->created_at.has_value());
  CHECK_FALSE(info->finished_at.has_value());
  CHECK(info->networks.contains("bridge"));
  CHECK(engine.inspect(info->id, fixture->soon(), {}).value() == *info);
  CHECK(engine.inspect(info->id.substr(0, 12), fixture->soon(), {}).value() == *info);

  const auto list = engine.list(fixture->soon(), {});
  REQUIRE(code_of(list) == "ok");
  const auto entry = std::find_if(list->begin(), list->end(), [&](const auto& c) { return c.name == name; });
  REQUIRE(entry != list->end());
  CHECK(entry->id == info->id);
  CHECK(entry->image == info->image);
  CHECK(entry->status == "running");
  CHECK(entry->labels == info->labels);
  CHECK(entry->networks.contains("bridge"));
  CHECK(entry->pid == 0);
  CHECK_FALSE(entry->started_at.has_value());
}

TEST_CASE("start and stop say what they changed, and stop lets the program end itself") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  CHECK(engine.start(name, fixture->soon(), {}).value() == EngineChange::kAlready);
  const auto first_start = engine.inspect(name, fixture->soon(), {})->started_at;
  CHECK(engine.stop(name, 10s, fixture->soon(), {}).value() == EngineChange::kDone);
  const auto stopped = engine.inspect(name, fixture->soon(), {}).value();
  CHECK(stopped.status == "exited");
  CHECK(stopped.exit_code == 7);
  CHECK(stopped.pid == 0);
  CHECK(stopped.finished_at.has_value());
  CHECK(stopped.started_at == first_start);
  CHECK(engine.stop(name, 10s, fixture->soon(), {}).value() == EngineChange::kAlready);
  CHECK(engine.start(name, fixture->soon(), {}).value() == EngineChange::kDone);
  const auto again = engine.inspect(name, fixture->soon(), {}).value();
  CHECK(again.status == "running");
  CHECK(again.exit_code == 0);
  CHECK(again.started_at >= first_start);
  CHECK(again.restart_count == 0);
}

TEST_CASE("stop kills after the grace what ignores the signal") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  const std::string name = fixture->start_container(Program::kIgnoresTerm);
  CHECK(fixture->engine().stop(name, 1s, fixture->soon(), {}).value() == EngineChange::kDone);
  CHECK(fixture->engine().inspect(name, fixture->soon(), {})->exit_code == 137);
}

TEST_CASE("restart starts anew what runs, what stopped and what is paused") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  const auto started_at = [&] { return engine.inspect(name, fixture->soon(), {})->started_at; };
  const auto first = started_at();
  fixture->clock().sleep_for(1ms, {});
  CHECK(code_of(engine.restart(name, 5s, fixture->soon(), {})) == "ok");
  const auto second = started_at();
  CHECK(second > first);
  CHECK(engine.stop(name, 5s, fixture->soon(), {}).has_value());
  CHECK(code_of(engine.restart(name, 5s, fixture->soon(), {})) == "ok");
  CHECK(engine.inspect(name, fixture->soon(), {})->status == "running");
  CHECK(engine.pause(name, fixture->soon(), {}).has_value());
  CHECK(code_of(engine.restart(name, 1s, fixture->soon(), {})) == "ok");
  CHECK(engine.inspect(name, fixture->soon(), {})->status == "running");
}

TEST_CASE("kill ends a process at once and is refused where none runs") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kIgnoresTerm);
  CHECK(code_of(engine.kill(name, "SIGNOSUCH", fixture->soon(), {})) == "invalid");
  CHECK(code_of(engine.kill(name, "SIGKILL", fixture->soon(), {})) == "ok");
  CHECK(engine.wait(name, fixture->soon(), {}).value() == 137);
  CHECK(engine.inspect(name, fixture->soon(), {})->status == "exited");
  CHECK(code_of(engine.kill(name, "SIGKILL", fixture->soon(), {})) == "conflict");
}

TEST_CASE("pause and unpause keep to their order") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  CHECK(code_of(engine.unpause(name, fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.pause(name, fixture->soon(), {})) == "ok");
  const auto paused = engine.inspect(name, fixture->soon(), {}).value();
  CHECK(paused.status == "paused");
  CHECK(paused.pid > 0);
  CHECK(code_of(engine.pause(name, fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.start(name, fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.unpause(name, fixture->soon(), {})) == "ok");
  CHECK(engine.inspect(name, fixture->soon(), {})->status == "running");
  CHECK(engine.stop(name, 5s, fixture->soon(), {}).has_value());
  CHECK(code_of(engine.pause(name, fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.unpause(name, fixture->soon(), {})) == "conflict");
}

TEST_CASE("a network can be taken from a container and given back as it was") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  const auto before = engine.inspect(name, fixture->soon(), {})->networks;
  CHECK(code_of(engine.disconnect_network(name, "bridge", fixture->soon(), {})) == "ok");
  CHECK_FALSE(engine.inspect(name, fixture->soon(), {})->networks.contains("bridge"));
  CHECK(code_of(engine.disconnect_network(name, "bridge", fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.connect_network(name, "bridge", before.at("bridge"), fixture->soon(), {})) == "ok");
  CHECK(engine.inspect(name, fixture->soon(), {})->networks == before);
  CHECK(code_of(engine.connect_network(name, "bridge", "", fixture->soon(), {})) == "conflict");
  CHECK(code_of(engine.connect_network(name, "no-such-net", "", fixture->soon(), {})) == "not_found");
  CHECK(code_of(engine.disconnect_network(name, "no-such-net", fixture->soon(), {})) == "not_found");
  CHECK(code_of(engine.connect_network(name, "bridge", "[1]", fixture->soon(), {})) == "invalid");
}

TEST_CASE("a container that is not there is not found, and a name that cannot be is invalid") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const Deadline soon = fixture->soon();
  const std::map<std::string, std::string> names{{"no-such-container", "not_found"}, {"", "invalid"},
                                                 {"../../info", "invalid"},          {"a b", "invalid"},
                                                 {"x?force=1", "invalid"},           {"-x", "invalid"}};
  for (const auto& [name, code] : names) {
    CAPTURE(name);
    CHECK(code_of(engine.inspect(name, soon, {})) == code);
    CHECK(code_of(engine.stats(name, soon, {})) == code);
    CHECK(code_of(engine.last_log_time(name, soon, {})) == code);
    CHECK(code_of(engine.logs_tail(name, 1, 100, soon, {})) == code);
    CHECK(code_of(engine.start(name, soon, {})) == code);
    CHECK(code_of(engine.stop(name, 1s, soon, {})) == code);
    CHECK(code_of(engine.restart(name, 1s, soon, {})) == code);
    CHECK(code_of(engine.kill(name, "SIGKILL", soon, {})) == code);
    CHECK(code_of(engine.pause(name, soon, {})) == code);
    CHECK(code_of(engine.unpause(name, soon, {})) == code);
    CHECK(code_of(engine.disconnect_network(name, "bridge", soon, {})) == code);
    CHECK(code_of(engine.connect_network(name, "bridge", "", soon, {})) == code);
    CHECK(code_of(engine.wait(name, soon, {})) == code);
    CHECK(code_of(engine.remove(name, soon, {})) == code);
  }
  CHECK(engine.inspect("no-such-container", soon, {}).error().str() ==
        "the engine answers 404: No such container: no-such-container");
}

TEST_CASE("stats are given of what runs and refused of what does not") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  const auto stats = engine.stats(name, fixture->soon(), {});
  REQUIRE(code_of(stats) == "ok");
  if (kind.name == "docker") {
    CHECK(stats->cpu_seconds_total > 0);
    CHECK(stats->memory_bytes > 0);
    CHECK(stats->memory_limit_bytes > stats->memory_bytes);
    CHECK(stats->pids >= 1);
  }
  CHECK(engine.stop(name, 5s, fixture->soon(), {}).has_value());
  CHECK(code_of(engine.stats(name, fixture->soon(), {})) == "conflict");
}

TEST_CASE("the end of a log is given, cut to lines and bytes, with its time") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const WallTime before = fixture->clock().now();
  const std::string name = fixture->start_container(Program::kPrints);
  CHECK(engine.logs_tail(name, 2, 1000, fixture->soon(), {}).value() == "two\nthree\n");
  CHECK(engine.logs_tail(name, 100, 1000, fixture->soon(), {}).value() == "one\ntwo\nthree\n");
  CHECK(engine.logs_tail(name, 100, 4, fixture->soon(), {}).value() == "ree\n");
  CHECK(engine.logs_tail(name, 0, 1000, fixture->soon(), {}).value().empty());
  const auto time = engine.last_log_time(name, fixture->soon(), {}).value();
  REQUIRE(time.has_value());
  CHECK(*time >= before);
  const std::string silent = fixture->start_container(Program::kEndsOnTerm);
  CHECK(engine.last_log_time(silent, fixture->soon(), {}).value() == std::nullopt);
}

TEST_CASE("run makes a container that can be waited for and removed") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  ContainerSpec spec;
  spec.name = "heal-contract-run";
  spec.image = "promheal-test/busybox:contract";
  spec.command = {"/bin/sleep", "1000"};
  spec.labels = {{"heal.test", "run"}};
  spec.auto_remove = false;
  (void)engine.remove(spec.name, fixture->soon(), {});
  const auto id = engine.run(spec, fixture->soon(), {});
  REQUIRE(code_of(id) == "ok");
  const auto info = engine.inspect(*id, fixture->soon(), {}).value();
  CHECK(info.name == spec.name);
  CHECK(info.status == "running");
  CHECK(info.labels == spec.labels);
  CHECK(info.network_mode == "none");
  CHECK_FALSE(info.auto_remove);
  CHECK(code_of(engine.run(spec, fixture->soon(), {})) == "conflict");
  CHECK(engine.kill(*id, "KILL", fixture->soon(), {}).has_value());
  CHECK(engine.wait(*id, fixture->soon(), {}).value() == 137);
  CHECK(code_of(engine.remove(*id, fixture->soon(), {})) == "ok");
  CHECK(code_of(engine.inspect(*id, fixture->soon(), {})) == "not_found");
}

TEST_CASE("a container that removes itself says so while it runs, and is gone when it was killed") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  ContainerSpec spec;
  spec.name = "heal-contract-fleeting";
  spec.image = "promheal-test/busybox:contract";
  spec.command = {"/bin/sleep", "1000"};
  (void)engine.remove(spec.name, fixture->soon(), {});
  const auto id = engine.run(spec, fixture->soon(), {});
  REQUIRE(code_of(id) == "ok");
  CHECK(engine.inspect(*id, fixture->soon(), {}).value().auto_remove);
  CHECK(engine.kill(*id, "KILL", fixture->soon(), {}).has_value());
  const Deadline deadline = fixture->soon();
  while (code_of(engine.inspect(*id, deadline, {})) == "ok") {
  }
  CHECK(code_of(engine.inspect(*id, fixture->soon(), {})) == "not_found");
}

TEST_CASE("a program that ends by itself leaves its exit code") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  fixture->crash(name, 3);
  const auto info = fixture->engine().inspect(name, fixture->soon(), {}).value();
  CHECK(info.status == "exited");
  CHECK(info.exit_code == 3);
  CHECK_FALSE(info.oom_killed);
}

/// Docker hears of its own pauses from containerd as well, and so late at times that it tells of both changes again.
std::vector<std::string> without_echoes(std::vector<std::string> actions) {
  const std::vector<std::string> pair{"pause", "unpause"};
  const auto first = std::search(actions.begin(), actions.end(), pair.begin(), pair.end());
  if (first == actions.end()) return actions;
  const auto rest = first - actions.begin() + 2;
  for (;;) {
    const auto echo = std::search(actions.begin() + rest, actions.end(), pair.begin(), pair.end());
    if (echo == actions.end()) return actions;
    actions.erase(echo, echo + 2);
  }
}

TEST_CASE("events tell what happened, from the given time on, until stopped") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const WallTime since = fixture->clock().now();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  Follower follower(engine, since, name);
  CHECK(follower.until("start") == std::vector<std::string>{"create", "start"});
  CHECK(engine.pause(name, fixture->soon(), {}).has_value());
  CHECK(engine.unpause(name, fixture->soon(), {}).has_value());
  fixture->clock().sleep_for(1ms, {});
  CHECK(engine.kill(name, "SIGKILL", fixture->soon(), {}).has_value());
  CHECK(without_echoes(follower.until("die")) ==
        std::vector<std::string>{"create", "start", "pause", "unpause", "kill", "die"});
  const ContainerEvent die = follower.first("die");
  CHECK(die.at >= since);
  CHECK(die.id == engine.inspect(name, fixture->soon(), {})->id);
  CHECK(die.image == "promheal-test/busybox:contract");
  CHECK(label_value(die.attributes, "exitCode") == "137");
  CHECK(label_value(die.attributes, "heal.test") == "contract");
  CHECK(label_value(follower.first("kill").attributes, "signal") == "9");
  CHECK(code_of(follower.stop()) == "ok");

  Follower late(engine, die.at, name);     // inclusive
  const auto actions = late.until("die");  // the simulation's kill and die are one moment
  CHECK((actions.front() == "die" || actions.front() == "kill"));
  CHECK(late.first("die") == die);
  CHECK(code_of(late.stop()) == "ok");
}

TEST_CASE("a call that was stopped before it began does nothing") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  const std::string name = fixture->start_container(Program::kEndsOnTerm);
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(code_of(fixture->engine().kill(name, "KILL", fixture->soon(), stopped.get_token())) == "cancelled");
  CHECK(fixture->engine().inspect(name, fixture->soon(), {})->status == "running");
}

TEST_CASE("the engine goes on with what its client no longer waits for") {
  const EngineKind kind = engine_kind();
  CAPTURE(kind.name);
  const auto fixture = kind.make();
  ContainerEngine& engine = fixture->engine();
  const std::string name = fixture->start_container(Program::kIgnoresTerm);
  REQUIRE(engine.inspect(name, fixture->soon(), {}).has_value());  // it has said by now which API it speaks
  const Deadline too_soon = fixture->clock().deadline_in(1s);
  CHECK(code_of(engine.stop(name, 3s, too_soon, {})) == "timeout");
  CHECK(engine.wait(name, fixture->soon(), {}).value() == 137);
}

}  // namespace
}  // namespace heal
