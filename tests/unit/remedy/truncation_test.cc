#include "common/remedy/truncation.h"

#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/remedy/words.h"
#include "common/wire/alertmanager.h"
#include "common/wire/json.h"
#include "tests/support/waiting.h"
#include "tests/unit/remedy/guard_bench.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

constexpr const char* kGroup = R"({}:{alertname="NginxDown"})";

/// Three containers of group web, each with a health check that answers while it runs.
void add_web(Rig& rig) {
  for (const std::string name : {"web1", "web2", "web3"}) {
    SimContainer web;
    web.name = name;
    web.labels = {{"heal.enable", "true"}, {"heal.group", "web"}, {"heal.health", "http://" + name + "/healthz"}};
    rig.engine->add(web);
    rig.http.on("GET", "http://" + name + "/healthz", [&rig, name](const HttpClientRequest&) {
      const auto info = rig.engine->inspect(name, rig.clock.deadline_in(1s), {});
      if (info.has_value() && info->running()) return HttpAnswer::of(200, "ok");
      return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
    });
  }
}

Alert break_web1(Rig& rig) {
  rig.clock.advance(1s);
  rig.engine->crash("web1", 137);
  return rig.fire("web1");
}

/// The notification as Alertmanager sends it, read and taken in as the service does, with as many `others` of its
/// target.
void notify(Rig& rig, const Alert& alert, int truncated, const char* group = kGroup,
            const char* sender = "http://alertmanager:9093", int others = 0) {
  Json alerts = Json::array();
  for (int i = 0; i <= others; ++i) {
    Alert each = alert;
    if (i > 0) each.labels["instance"] = "other-" + std::to_string(i);
    alerts.push_back({{"status", "firing"},
                      {"labels", each.labels},
                      {"startsAt", format_rfc3339_nano(each.starts_at)},
                      {"endsAt", "0001-01-01T00:00:00Z"},
                      {"fingerprint", i > 0 ? fingerprint_of(each.labels) : each.fingerprint}});
  }
  const Json body{{"version", "4"},
                  {"groupKey", group},
                  {"truncatedAlerts", truncated},
                  {"status", "firing"},
                  {"receiver", "heal\\.webhook"},
                  {"externalURL", sender},
                  {"alerts", alerts}};
  auto parse = parse_alertmanager_v4(dump(body));
  REQUIRE(parse.has_value());
  REQUIRE(rig.tell(delivery_of(std::move(*parse)).batch).has_value());
}

std::size_t stored(Rig& rig) {
  return rig.memory->values(std::string(kTruncationPrefix))->size();
}

void nothing_is_done_for(Rig& rig, Duration time) {
  rig.clock.advance(time);
  rig.await([] { return heal::test::all_others_sleep(); });
  CHECK(rig.changes().empty());
}

/// What the newest decision says of the guard.
Json answer_of(Rig& rig, std::string_view guard) {
  const auto timeline = rig.timeline(rig.newest().id);
  const auto decision =
      std::find_if(timeline.rbegin(), timeline.rend(), [](const auto& entry) { return entry.kind == "decision"; });
  REQUIRE(decision != timeline.rend());
  const Json data = parse_json(decision->data).value();
  for (const Json& verdict : data["guards"]) {
    if (verdict["guard"] == guard) return verdict;
  }
  FAIL("no guard " << guard);
  return {};
}

constexpr const char* kMessage =
    "7 alert(s) of its group were not shown to receiver heal.webhook: how many are unhealthy is not known; "
    "max_alerts: 0 for that receiver shows all; on_error: block";

TEST_CASE("a notification that left alerts out holds the heal, until one of its group leaves none out") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  const std::string at = format_rfc3339(rig.clock.now());
  notify(rig, alert, 7);
  const Incident held = rig.run_to(IncidentState::kHeld);
  CHECK(held.reason == "alerts_truncated");
  CHECK(held.message == kMessage);
  const Json verdict = answer_of(rig, "population");
  CHECK(verdict["result"] == "hold");
  CHECK(verdict["could_not_find_out"] == true);
  const Json& inputs = verdict["inputs"];
  const Json left_out{
      {"name", "truncated"},
      {"value",
       fmt::format("7 alert(s) of group {} left out for receiver heal.webhook by http://alertmanager:9093 at {}",
                   kGroup, at)}};
  CHECK(std::find(inputs.begin(), inputs.end(), left_out) != inputs.end());
  nothing_is_done_for(rig, 10min);
  SECTION("told again without") {
    notify(rig, alert, 0);
  }
  SECTION("told of another alert without") {
    Alert other = alert;
    other.labels["instance"] = "another";
    other.fingerprint = fingerprint_of(other.labels);
    notify(rig, other, 0);
  }
  SECTION("another group leaves none out, then its own") {
    notify(rig, alert, 0, "{}:{another}");
    nothing_is_done_for(rig, 10min);
    notify(rig, alert, 0);
  }
  const WallTime told = rig.clock.now();
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
  CHECK(*rig.newest().times.acted_at - told < 1s);
}

TEST_CASE("a twin that leaves none out does not end the hold: it may have heard of fewer alerts") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  notify(rig, alert, 7);
  rig.run_to(IncidentState::kHeld);
  notify(rig, alert, 0, kGroup, "http://twin:9093");
  if (GENERATE(false, true)) {
    rig.kill();
    rig.start();
  }
  nothing_is_done_for(rig, 10min);
  CHECK(rig.newest().reason == "alerts_truncated");
  SECTION("the one that left some out does") {
    notify(rig, alert, 0);
  }
  SECTION("it does when it tells of as many as there were, which takes the other's place") {
    notify(rig, alert, 0, kGroup, "http://twin:9093", 6);
    nothing_is_done_for(rig, 10min);
    notify(rig, alert, 0, kGroup, "http://twin:9093", 7);
  }
  SECTION("of two that left some out, both must") {
    notify(rig, alert, 3, kGroup, "http://twin:9093");
    notify(rig, alert, 0);
    nothing_is_done_for(rig, 10min);
    notify(rig, alert, 0, kGroup, "http://twin:9093");
  }
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("what was left out is known after a restart") {
  Rig rig(kRestartPlaybook, std::string(kHealYml) + "storm: {incidents: 50, window: 10m, cooldown: 10m}\n");
  add_web(rig);
  const Alert alert = break_web1(rig);
  notify(rig, alert, 7);
  rig.run_to(IncidentState::kHeld);
  rig.kill();
  rig.start();
  rig.clock.advance(5min);
  rig.await([] { return heal::test::all_others_sleep(); });
  CHECK(rig.newest().reason == "alerts_truncated");
  CHECK(rig.changes().empty());
  // Killed as soon as the end of it is on disk.
  rig.store->on_commit(rig.store->commits() + 1, FailingStore::When::kAfter,
                       [&] { rig.store->fail_all(make_error(ErrorCode::kStorage, "killed")); });
  notify(rig, alert, 0);
  rig.kill();
  REQUIRE(rig.changes().empty());
  rig.start();
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
  // For the storm brake what was left out counts for its window, whatever came since.
  const Json storm = answer_of(rig, "storm");
  CHECK(storm["inputs"][0] == Json{{"name", "incidents"}, {"value", "8"}});
  CHECK(storm["inputs"][1] == Json{{"name", "alerts_left_out"}, {"value", "7, each counted as a target"}});
}

TEST_CASE("the hold ends by itself when no notification of the group has come for longer than they are repeated") {
  Rig rig;
  add_web(rig);
  notify(rig, break_web1(rig), 7);
  const Incident held = rig.run_to(IncidentState::kHeld);
  const WallTime detected = *held.times.detected_at;
  rig.run_to(IncidentState::kRecovered);
  CHECK(*rig.newest().times.acted_at >= detected + kTruncationHolds);
  CHECK(*rig.newest().times.acted_at < detected + kTruncationHolds + 2min);
}

TEST_CASE("a guard that counts nothing is not held by what was left out") {
  SECTION("population: off") {
    const std::string text = kHealYml;
    std::string off = text;
    off.replace(off.find("cooldown: 5m"), 12, "population: off");
    Rig rig(kRestartPlaybook, off);
    add_web(rig);
    notify(rig, break_web1(rig), 2);
    rig.run_to(IncidentState::kRecovered);
    CHECK(rig.changes().size() == 1);
  }
  SECTION("a target without a group") {
    Rig rig;
    rig.clock.advance(1s);
    rig.engine->crash("nginx", 137);
    notify(rig, rig.fire("nginx"), 2);
    rig.run_to(IncidentState::kRecovered);
    CHECK(answer_of(rig, "population")["reason"] == "no_group");
  }
}

TEST_CASE("a person's own heal is not held by what a notification left out") {
  Rig rig;
  add_web(rig);
  notify(rig, break_web1(rig), 7);
  rig.run_to(IncidentState::kHeld);
  const auto heal = rig.heal({"restart-container", *rig.newest().target, {}, "ann"});
  REQUIRE(heal.has_value());
  CHECK(heal->kind == HealAnswer::Kind::kStarted);
}

TEST_CASE("another attempt at an incident is held by what was left out beside its evidence, as the first was") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  notify(rig, alert, 7);
  const Incident held = rig.run_to(IncidentState::kHeld);
  REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, held.id, "ann", "", ""})->state == IncidentState::kCancelled);
  SECTION("at once") {}
  SECTION("after a restart") {
    rig.kill();
    rig.start();
  }
  rig.clock.advance(1s);
  const auto again = rig.operate({OperatorRequest::Verb::kRetry, held.id, "ann", "", ""});
  REQUIRE(again.has_value());
  CHECK(rig.run_to(IncidentState::kHeld).id == again->id);
  CHECK(rig.newest().message == kMessage);
  SECTION("and so is the one after it") {
    REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, again->id, "ann", "", ""}).has_value());
    rig.clock.advance(1s);
    const auto third = rig.operate({OperatorRequest::Verb::kRetry, again->id, "ann", "", ""});
    CHECK(rig.run_to(IncidentState::kHeld).id == third->id);
  }
  CHECK(rig.changes().empty());
  notify(rig, alert, 0);
  rig.run_to(IncidentState::kRecovered);
}

TEST_CASE("another attempt is held by what was left out beside its evidence after the first one was over") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  rig.engine->set_delay("restart", 10s);
  notify(rig, alert, 0);
  const Incident first = rig.run_to(IncidentState::kExecuting);
  REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, first.id, "ann", "", ""}).has_value());
  rig.run_to(IncidentState::kCancelled);
  rig.engine->crash("web1", 1);
  const std::size_t changes = rig.changes().size();
  notify(rig, alert, 7);
  notify(rig, alert, 7);
  const auto kinds = rig.kinds(first.id);
  CHECK(std::count(kinds.begin(), kinds.end(), "truncated") == 1);
  rig.clock.advance(1s);
  const auto again = rig.operate({OperatorRequest::Verb::kRetry, first.id, "ann", "", ""});
  REQUIRE(again.has_value());
  CHECK(rig.run_to(IncidentState::kHeld).id == again->id);
  rig.clock.advance(6min);  // its cooldown is over
  rig.await([&] { return rig.newest().message == kMessage; });
  CHECK(rig.changes().size() == changes);
}

TEST_CASE("another attempt is not held any more once a notification of the group has left none out") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  notify(rig, alert, 7);
  const Incident held = rig.run_to(IncidentState::kHeld);
  REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, held.id, "ann", "", ""}).has_value());
  notify(rig, alert, 0);
  rig.clock.advance(1s);
  REQUIRE(rig.operate({OperatorRequest::Verb::kRetry, held.id, "ann", "", ""}).has_value());
  CHECK(rig.run_to(IncidentState::kRecovered).id != held.id);
}

TEST_CASE("a notification without anything left out writes nothing of it") {
  Rig rig;
  add_web(rig);
  notify(rig, break_web1(rig), 0);
  rig.run_to(IncidentState::kRecovered);
  CHECK(stored(rig) == 0);
}

TEST_CASE("an incident that a notification was whole for is held when the same alert is told beside missing ones") {
  Rig rig;
  add_web(rig);
  rig.engine->crash("web2", 1);
  const Alert alert = break_web1(rig);
  notify(rig, alert, 0);
  rig.run_until([&] { return rig.newest().reason == "too_many_unhealthy"; });
  notify(rig, alert, 7);
  REQUIRE(rig.engine->start("web2", rig.clock.deadline_in(1s), {}).has_value());
  rig.engine->forget_calls();
  rig.run_until([&] { return rig.newest().reason == "alerts_truncated"; });
  CHECK(rig.newest().message == kMessage);
  CHECK(rig.changes().empty());
}

TEST_CASE("a new fault of a healed target is held by what was left out beside its evidence") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  notify(rig, alert, 0);
  SECTION("while the heal is watched") {
    rig.run_to(IncidentState::kRecovered);
    notify(rig, break_web1(rig), 7);
  }
  SECTION("the same alert, after its incident was closed") {
    rig.run_to(IncidentState::kClosed);
    rig.clock.advance(10min);
    rig.engine->crash("web1", 137);
    notify(rig, alert, 7);
  }
  rig.run_until([&] { return rig.newest().reason == "alerts_truncated"; });
  CHECK(rig.incidents().size() == 2);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("on_error says what is done while the count is not known; a count that is too high goes first") {
  GuardBench bench;
  bench.population_of(3, 1);
  bench.truncated = {{"{}:{a}", "heal", 7, bench.now, false}, {"{}:{b}", "heal", 2, bench.now, false}};
  Verdict verdict = bench.ask(guard_population);
  CHECK(verdict.kind == Verdict::Kind::kHold);
  CHECK(verdict.message.starts_with("9 alert(s) of its group were not shown to receiver heal:"));
  CHECK(inputs_of(verdict).find("truncated: 2 alert(s) of group {}:{b} left out for receiver heal at ") !=
        std::string::npos);
  bench.plan.guards.population.on_error = playbook::OnError::kAllow;
  verdict = bench.ask(guard_population);
  CHECK(verdict.kind == Verdict::Kind::kAllow);
  CHECK(verdict.is_blind);
  bench.population_of(3, 3);
  CHECK(bench.ask(guard_population).reason == "too_many_unhealthy");
}

TEST_CASE("what twins left out of one group is counted once") {
  GuardBench bench;
  bench.population_of(3, 1);
  bench.truncated = {{"{}:{a}", "heal", 7, bench.now, false, "http://a"},
                     {"{}:{a}", "heal", 9, bench.now, false, "http://b"}};
  CHECK(bench.ask(guard_population).message.starts_with("9 alert(s) of its group were not shown to receiver heal:"));
}

TEST_CASE("what was left out is in force while nothing else was told, also by a clock that was set back") {
  const WallTime now{1'900'000'000s};
  Truncation truncation{"g", "r", 1, now, false};
  CHECK(truncation.is_in_force(now));
  CHECK(truncation.is_in_force(now - 1h));
  CHECK(truncation.is_in_force(now + kTruncationHolds - 1s));
  CHECK(!truncation.is_in_force(now + kTruncationHolds));
  truncation.is_over = true;
  CHECK(!truncation.is_in_force(now));
}

TEST_CASE("more groups than anybody has keep the newest") {
  Rig rig;
  add_web(rig);
  const Alert alert = break_web1(rig);
  for (int i = 0; i < 1100; ++i) {
    EventBatch batch;
    batch.source = words::kAlertmanager;
    batch.group_key = std::to_string(i);
    batch.truncated_alerts = 1;
    const auto reply = rig.tell(std::move(batch));
    REQUIRE(reply.has_value());
  }
  CHECK(stored(rig) == 1000);
  rig.clock.advance(playbook::kLongestStormWindow);
  notify(rig, alert, 1);
  CHECK(stored(rig) == 1);
}

}  // namespace
}  // namespace heal::remedy::test
