#include "common/remedy/source/docker_source.h"

#include <algorithm>
#include <memory>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/check.h"
#include "common/sim/memory_store.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_dialer.h"
#include "common/system/docker_engine.h"
#include "common/system/posix_process_runner.h"
#include "common/system/system_clock.h"

namespace heal::remedy {
namespace {

const std::string kImage = "promheal-test/busybox:contract";

/// Containers on the real engine, listed in the inventory by name, and a source that watches them. What it tells is
/// collected here in place of a pipeline.
class Site {
 public:
  explicit Site(const std::vector<std::string>& names) {
    static int count = 0;
    ++count;
    std::string yml =
        "version: 1\nengines:\n  local: {unix: /var/run/docker.sock}\ninventory:\n"
        "  container_labels: false\n  targets:\n";
    for (const auto& name : names) {
      names_.push_back(fmt::format("heal-source-{}-{}-{}", getpid(), count, name));
      yml += fmt::format("    - target: container/local/{}\n", names_.back());
    }
    yml += "sources:\n  docker: {engines: [local], restart_grace: 1s, deploy_grace: 5s, reconcile: 1h}\n";
    config::Diagnostics diagnostics;
    auto config = playbook::parse_heal_config(yml, "heal.yml", diagnostics);
    INFO(diagnostics.render());
    REQUIRE(config);
    auto world = std::make_shared<World>();
    world->bundle.config = std::move(*config);
    world->engines["local"] = engine_;
    world_.set(std::move(world));
  }
  ~Site() {
    source_.reset();
    for (const auto& name : names_)
      docker({"rm", "-f", name});
  }

  const std::string& name(std::size_t i) const { return names_[i]; }
  void run(std::size_t i, std::vector<std::string> options) {
    std::vector<std::string> all{"run",       "-d",  "--name", names_[i], "--label", "heal.test=contract",
                                 "--network", "none"};
    all.insert(all.end(), options.begin(), options.end());
    const std::string script = "trap 'exit 3' USR1; while :; do sleep 1 & wait $!; done";
    all.insert(all.end(), {kImage, "/bin/sh", "-c", script});
    HEAL_CHECK(docker(all), "a container can be run");
  }
  /// Made, and neither started nor able to be: its program does not exist.
  void create_broken(std::size_t i) {
    HEAL_CHECK(docker({"create", "--name", names_[i], "--label", "heal.test=contract", "--network", "none", kImage,
                       "/no/such/program"}),
               "a container can be created");
  }
  void await_health(std::size_t i, const std::string& health) {
    for (int tries = 0; tries < 300; ++tries) {
      const auto info = engine_->inspect(names_[i], clock_.deadline_in(10s), {});
      if (info.has_value() && info->health == health) return;
      clock_.sleep_for(100ms, {});
    }
    FAIL(names_[i] << " did not become " << health);
  }
  void watch() {
    source_.reset();
    source_ = std::make_unique<DockerSource>(SourceTools{{clock_, random_, http_, dialer_, processes_},
                                                         store_,
                                                         world_,
                                                         Logger::none(),
                                                         [this](EventBatch batch, auto done) {
                                                           {
                                                             MutexLock lock(mutex_);
                                                             for (auto& event : batch.events)
                                                               events_.push_back(std::move(event));
                                                             more_.notify_all();
                                                           }
                                                           done(IngestReply{});
                                                         }},
                                             "local", *world_.get()->bundle.config.sources.docker);
    // It watches once it has looked at all containers.
    while (!store_.value("docker_seen/local").value())
      clock_.sleep_for(1ms, {});
  }
  /// Until something was told of container `i`; gives and forgets it.
  SourceEvent next(std::size_t i) {
    MutexLock lock(mutex_);
    const auto of_it = [&](const SourceEvent& event) { return event.target && event.target->name == names_[i]; };
    const auto told = [&]() HEAL_REQUIRES(mutex_) { return std::any_of(events_.begin(), events_.end(), of_it); };
    REQUIRE(more_.wait_for(mutex_, 30s, told));
    const auto it = std::find_if(events_.begin(), events_.end(), of_it);
    SourceEvent event = *it;
    events_.erase(it);
    return event;
  }
  bool docker(std::vector<std::string> arguments) {
    ProcessSpec spec;
    spec.argv = {"/usr/bin/docker"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/tmp"}};
    const auto outcome = processes_.run(spec, clock_.deadline_in(60s), {});
    return outcome.has_value() && outcome->ok();
  }
  /// The script's traps are set once it sleeps; until then the signal would do nothing.
  void end_by_itself(std::size_t i) {
    const auto before = engine_->inspect(names_[i], clock_.deadline_in(10s), {})->started_at;
    for (int tries = 0; tries < 100; ++tries) {
      docker({"exec", names_[i], "/bin/kill", "-USR1", "1"});
      const auto info = engine_->inspect(names_[i], clock_.deadline_in(10s), {});
      if (!info->running() || info->started_at != before) return;
      clock_.sleep_for(100ms, {});
    }
  }

 private:
  SystemClock clock_;
  SequenceRandom random_;
  ScriptedHttpClient http_{clock_};
  SimDialer dialer_{clock_};
  PosixProcessRunner processes_;
  std::shared_ptr<DockerEngine> engine_ = std::make_shared<DockerEngine>(DockerEndpoint{});
  MemoryStore store_;
  Snapshot<World> world_{std::make_shared<const World>()};
  std::vector<std::string> names_;
  Mutex mutex_;
  CondVar more_;
  std::vector<SourceEvent> events_ HEAL_GUARDED_BY(mutex_);
  std::unique_ptr<DockerSource> source_;
};

TEST_CASE("a real container's death is told with its exit code, and its end when it runs again") {
  Site site({"plain"});
  site.run(0, {});
  site.watch();
  site.end_by_itself(0);
  const SourceEvent died = site.next(0);
  CHECK(died.kind == SourceEvent::Kind::kFiring);
  CHECK(died.name == "ContainerDied");
  CHECK(died.facts.type == "CONTAINER_CRASH");
  CHECK(died.facts.exit_code == 3);
  CHECK(died.facts.reason == "exit code 3");
  CHECK(died.facts.failed_at.has_value());
  REQUIRE(site.docker({"start", site.name(0)}));
  const SourceEvent over = site.next(0);
  CHECK(over.kind == SourceEvent::Kind::kResolved);
  CHECK(over.key == died.key);
  CHECK(over.end_reason == "container_running");
  REQUIRE(site.docker({"kill", site.name(0)}));
  CHECK(site.next(0).facts.reason == "exit code 137 (SIGKILL)");
}

TEST_CASE("what a real engine's restart policy brings back is healed by Docker; a restart by hand is nothing") {
  Site site({"kept", "plain"});
  site.run(0, {"--restart", "always"});
  site.run(1, {});
  site.watch();
  REQUIRE(site.docker({"restart", "-t", "0", site.name(0)}));
  site.end_by_itself(0);
  const SourceEvent over = site.next(0);
  if (over.kind == SourceEvent::Kind::kFiring) {  // seen between a stop and a start, by hand or Docker's
    const std::string reason = site.next(0).end_reason;
    CHECK((reason == "container_running" || reason == "healed_by_docker"));
  } else {
    CHECK(over.kind == SourceEvent::Kind::kOver);
    CHECK(over.end_reason == "healed_by_docker");
    CHECK(over.facts.exit_code == 3);
  }
}

TEST_CASE("a real container's failing health check is told, and a death that nobody watched is found") {
  Site site({"sick", "missed"});
  site.watch();
  site.run(0, {"--health-cmd", "test ! -e /sick", "--health-interval", "1s", "--health-retries", "1"});
  site.await_health(0, "healthy");
  REQUIRE(site.docker({"cp", "/etc/hostname", site.name(0) + ":/sick"}));
  const SourceEvent sick = site.next(0);
  CHECK(sick.name == "ContainerUnhealthy");
  CHECK(sick.facts.type == "HEALTH_CHECK_FAILURE");
  CHECK(sick.facts.failed_at.has_value());
  site.run(1, {});
  site.end_by_itself(1);
  const SourceEvent died = site.next(1);
  site.watch();  // another run of the service finds the same death under the same key
  CHECK(site.next(1).key == died.key);
}

TEST_CASE("a real container that cannot be started is a failed deployment, with the engine's exit code and reason") {
  Site site({"broken"});
  site.watch();
  site.create_broken(0);
  CHECK_FALSE(site.docker({"start", site.name(0)}));
  const SourceEvent failed = site.next(0);
  CHECK(failed.kind == SourceEvent::Kind::kFiring);
  CHECK(failed.name == "ContainerDeploymentFailed");
  CHECK(failed.facts.type == "DEPLOYMENT_FAILURE");
  CHECK(failed.facts.exit_code == 127);
  CHECK_THAT(failed.facts.reason,
             Catch::StartsWith("it could not be started: exit code 127: ") && Catch::Contains("/no/such/program"));
  REQUIRE(site.docker({"rm", site.name(0)}));
  const SourceEvent over = site.next(0);
  CHECK(over.key == failed.key);
  CHECK(over.end_reason == "container_removed");
}

TEST_CASE("a real container that nobody starts, and one that is never healthy, are failed deployments") {
  Site site({"forgotten", "sick"});
  site.watch();
  site.create_broken(0);
  const SourceEvent forgotten = site.next(0);
  CHECK(forgotten.facts == EventFacts{"DEPLOYMENT_FAILURE", std::nullopt, "it was created, and not started for 5s",
                                      forgotten.facts.container_id, std::nullopt});
  site.run(1, {"--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1"});
  const SourceEvent sick = site.next(1);
  CHECK(sick.name == "ContainerDeploymentFailed");
  CHECK(sick.facts.type == "DEPLOYMENT_FAILURE");
  CHECK(sick.facts.reason == "the container's own health check has not passed since it was made");
  CHECK(sick.facts.failed_at.has_value());
}

}  // namespace
}  // namespace heal::remedy
