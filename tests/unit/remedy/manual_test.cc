#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

HealRequest ask_for(const std::string& target) {
  HealRequest request;
  request.playbook = "restart-container";
  request.target = TargetId::parse(target).value();
  request.by = "anna";
  return request;
}

TEST_CASE("a heal that a person asks for runs at once, through the same journal") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const auto answer = rig.heal(ask_for("container/local/nginx"));
  REQUIRE(answer.has_value());
  CHECK(answer->kind == HealAnswer::Kind::kStarted);
  REQUIRE(answer->incident.has_value());
  const Incident closed = rig.run_to(IncidentState::kClosed);
  CHECK(closed.id == answer->incident->id);
  CHECK(closed.type == "MANUAL");
  CHECK(closed.requested_by == "anna");
  CHECK(rig.changes().size() == 1);
  CHECK(rig.memory->unresolved_episodes()->empty());
}

TEST_CASE("a deployment of ours that fails is what a person's heal was about") {
  Rig rig;
  rig.add_playbook(R"(version: 1
playbook: remake
mode: auto
steps: [{name: anew, docker.recreate: {grace: 1s}}]
verify: {within: 5s, consecutive: 1, all: [{check: health}]}
escalate: []
)");
  HealRequest request = ask_for("container/local/nginx");
  request.playbook = "remake";
  std::string why = "step anew (docker.recreate) failed: start: no such file; the former container is back";
  SECTION("it cannot be started, and the former one is put back") {
    rig.engine->fail_next("start", make_error(ErrorCode::kInternal, "no such file"));
  }
  SECTION("it does not become healthy") {
    rig.http.on("GET", "http://nginx/healthz", [](const HttpClientRequest&) { return HttpAnswer::of(500, "sick"); });
    why = "step anew was done, and it did not help: ";
  }
  REQUIRE(rig.heal(request).has_value());
  const Incident failed = rig.run_to(IncidentState::kFailed);
  CHECK(failed.type == "DEPLOYMENT_FAILURE");
  CHECK(failed.failure_reason.substr(0, why.size()) == why);
  CHECK(failed.times.verified_at == std::nullopt);
}

TEST_CASE("a heal that cannot be is refused with the reason") {
  Rig rig;
  SimContainer other;
  other.name = "protected";
  rig.engine->add(other);
  HealRequest request = ask_for("container/local/nginx");
  std::string reason;
  SECTION("not in the inventory") {
    request = ask_for("container/local/protected");
    reason = "not_in_inventory";
  }
  SECTION("a container that does not exist") {
    request = ask_for("container/local/nobody");
    reason = "not_in_inventory";
  }
  SECTION("another engine") {
    request = ask_for("container/elsewhere/nginx");
    reason = "unknown_engine";
  }
  SECTION("a value that is not of its type") {
    request.params = {{"grace", "soon"}};
    reason = "plan_invalid";
  }
  SECTION("a param that the playbook does not have") {
    request.params = {{"shell", "true"}};
    reason = "plan_invalid";
  }
  const auto answer = rig.heal(request);
  REQUIRE(answer.has_value());
  CHECK(answer->kind == HealAnswer::Kind::kRefused);
  CHECK(answer->reason == reason);
  CHECK(!answer->message.empty());
  CHECK(rig.changes().empty());
}

TEST_CASE("a heal of an unknown playbook is not found, and leaves nothing behind") {
  Rig rig;
  HealRequest request = ask_for("container/local/nginx");
  request.playbook = "no-such";
  const auto answer = rig.heal(request);
  REQUIRE(!answer.has_value());
  CHECK(answer.error().str() == "there is no playbook \"no-such\"");
  CHECK(answer.error().code() == ErrorCode::kNotFound);
  CHECK(rig.incidents().empty());
}

TEST_CASE("a person who asks within the cooldown is refused, not held") {
  Rig rig;
  REQUIRE(rig.heal(ask_for("container/local/nginx"))->kind == HealAnswer::Kind::kStarted);
  rig.run_to(IncidentState::kRecovered);
  const auto answer = rig.heal(ask_for("container/local/nginx"));
  REQUIRE(answer.has_value());
  CHECK(answer->kind == HealAnswer::Kind::kRefused);
  CHECK(answer->reason == "cooldown");
  CHECK(rig.changes().size() == 1);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.run_to(IncidentState::kClosed).reason == "stayed_healthy");
}

TEST_CASE("a person's heal takes the place of one that is held, once it may act") {
  Rig rig;
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident held = rig.run_to(IncidentState::kHeld);  // healthy: nothing is done by itself
  rig.clock.advance(1ms);                                  // incidents are sorted by their time
  const auto answer = rig.heal(ask_for("container/local/nginx"));
  REQUIRE(answer.has_value());
  CHECK(answer->kind == HealAnswer::Kind::kStarted);
  const Incident replaced = *rig.memory->incident(held.id).value();
  CHECK(replaced.state == IncidentState::kCancelled);
  CHECK(replaced.reason == "replaced");
  CHECK(rig.run_to(IncidentState::kClosed).id == answer->incident->id);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a heal that a person asked for and that was not begun before a kill is not begun after it") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.engine->set_delay("inspect", 1h);
  rig.coordinator->heal(ask_for("container/local/nginx"), [](const Result<HealAnswer>&) {});
  rig.await([&] { return !rig.incidents().empty(); });
  rig.kill();
  rig.engine->set_delay("inspect", 0s);
  rig.start();
  const Incident cancelled = rig.run_to(IncidentState::kCancelled);
  CHECK(cancelled.reason == "service_stopped");
  CHECK(rig.changes().empty());
}

TEST_CASE("dry runs that wait for a slow engine do not keep heals waiting: further ones are refused") {
  Rig rig;
  rig.engine->set_delay("inspect", 1h);
  HealRequest request = ask_for("container/local/nginx");
  request.dry_run = HealRequest::Rehearse::kYes;
  std::vector<Error> refused;
  Mutex mutex;
  for (int i = 0; i < 20; ++i) {
    rig.coordinator->heal(request, [&](const Result<HealAnswer>& answer) {
      MutexLock lock(mutex);
      if (!answer.has_value()) refused.push_back(answer.error());
    });
  }
  {
    MutexLock lock(mutex);
    REQUIRE(refused.size() == 18);
    CHECK(refused.front().code() == ErrorCode::kUnavailable);
    CHECK(refused.front().message() == "too many people ask at the same time; ask again");
  }
  rig.kill();
}

TEST_CASE("who only asks what a heal would do keeps nobody from a heal") {
  Rig rig;
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kHeld);  // healthy: nothing is done by itself
  rig.engine->forget_calls();
  rig.engine->set_delay("inspect", 1h);
  HealRequest request = ask_for("container/local/nginx");
  request.dry_run = HealRequest::Rehearse::kYes;
  for (int i = 0; i < 2; ++i)
    rig.coordinator->heal(request, [](const Result<HealAnswer>&) {});
  std::atomic<bool> is_refused = false;
  rig.coordinator->heal(ask_for("container/local/nginx"),
                        [&](const Result<HealAnswer>& answer) { is_refused = !answer.has_value(); });
  rig.await([&] { return is_refused || rig.engine->calls().size() == 3; });
  CHECK_FALSE(is_refused);
  rig.kill();
}

TEST_CASE("a dry run shows the decision and the plan, and writes and touches nothing") {
  Rig rig;
  HealRequest request = ask_for("container/local/nginx");
  request.dry_run = HealRequest::Rehearse::kYes;
  const auto commits = rig.store->commits();
  const auto answer = rig.heal(request);
  REQUIRE(answer.has_value());
  CHECK(answer->kind == HealAnswer::Kind::kRehearsed);
  CHECK(answer->decision.find("\"result\":\"allow\"") != std::string::npos);
  CHECK(answer->explained.find("docker.restart") != std::string::npos);
  CHECK(answer->plan.find("docker.restart") != std::string::npos);
  CHECK(rig.store->commits() == commits);
  CHECK(rig.incidents().empty());
  CHECK(rig.changes().empty());

  request.target = TargetId::parse("container/local/nobody").value();
  const auto refused = rig.heal(request);
  REQUIRE(refused.has_value());
  CHECK(refused->reason == "not_in_inventory");
  CHECK(refused->decision.find("\"result\":\"refuse\"") != std::string::npos);
  CHECK(rig.incidents().empty());
}

TEST_CASE("what is asked of a store that fails is an error and nothing is done") {
  Rig rig;
  rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full"));
  const auto answer = rig.heal(ask_for("container/local/nginx"));
  REQUIRE(!answer.has_value());
  CHECK(answer.error().code() == ErrorCode::kStorage);
  CHECK(rig.engine->calls().empty());
  rig.store->fail_all(std::nullopt);
  CHECK(rig.heal(ask_for("container/local/nginx"))->kind == HealAnswer::Kind::kStarted);
}

}  // namespace
}  // namespace heal::remedy::test
