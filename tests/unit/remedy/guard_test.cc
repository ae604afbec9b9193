#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"
#include "tests/unit/remedy/guard_bench.h"

namespace heal::remedy::test {
namespace {

using Kind = Verdict::Kind;

TEST_CASE("the guards are asked in the documented order") {
  std::vector<std::string> names;
  for (const auto& guard : all_guards())
    names.emplace_back(guard.name);
  CHECK(names == std::vector<std::string>{"lever", "store", "fresh_evidence", "before", "pauses", "windows",
                                          "blocking_alerts", "storm", "breaker", "flap", "budget", "cooldown",
                                          "target_lock", "in_flight", "population", "mode"});
}

TEST_CASE("every guard answers under its own name, and all allow when nothing speaks against it") {
  GuardBench bench;
  for (const auto& guard : all_guards()) {
    CAPTURE(guard.name);
    const Verdict verdict = bench.ask(guard.ask);
    CHECK(verdict.guard == guard.name);
    CHECK(verdict.kind == Kind::kAllow);
    CHECK(!verdict.reason.empty());
    CHECK(!verdict.message.empty());
  }
}

TEST_CASE("the first guard that objects decides, and all are asked") {
  GuardBench bench;
  bench.controls.lever = {true, "ann", "storage is failing over", bench.now - 5min};
  bench.controls.pauses["release"] = {"release", "bob", "release 12", bench.now - 1min, std::nullopt};
  const Decision decision = ask_guards(bench.snapshot());
  CHECK(decision.decisive.guard == words::kLeverGuard);
  CHECK(decision.verdicts.size() == all_guards().size());
  CHECK(decision.verdicts[4].kind == Kind::kHold);
}

TEST_CASE("an engaged lever holds everything and says who engaged it and why") {
  GuardBench bench;
  bench.controls.lever = {true, "ann", "storage is failing over", bench.now - 5min};
  const Verdict verdict = bench.ask(guard_lever);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "lever_engaged");
  CHECK(verdict.message == "ann engaged the emergency lever at 2030-03-17T17:41:40.000Z: storage is failing over");
  CHECK(verdict.until == bench.now + kControlRetry);
  CHECK(inputs_of(verdict) ==
        "lever: engaged\nchanged: 2030-03-17T17:41:40.000Z by ann\nreason: storage is failing over\n");
}

TEST_CASE("a lever's file lets act only while its first word is run") {
  const auto dir = heal::test::TempFolder();
  const std::string path = dir.path().string() + "/lever";
  const auto say = [&](const std::string& text) { std::ofstream(path) << text; };
  GuardBench bench;
  const auto ask = [&] {
    bench.dossier.lever_file = read_lever_file("lever", dir.path().string() + "/heal.yml");
    return bench.ask(guard_lever);
  };
  SECTION("run") {
    say("run\n");
    CHECK(ask().kind == Kind::kAllow);
  }
  SECTION("run with a remark") {
    say("  run since the release of Tuesday");
    CHECK(ask().kind == Kind::kAllow);
  }
  SECTION("missing") {
    const Verdict verdict = ask();
    CHECK(verdict.kind == Kind::kHold);
    CHECK(verdict.message == "the emergency lever's file " + path + " cannot be read: " + path +
                                 ": no such file or directory; only \"run\" lets anything be done");
  }
  SECTION("empty") {
    say("\n");
    CHECK(ask().message.find("is empty") != std::string::npos);
  }
  SECTION("anything else") {
    say("running");
    CHECK(ask().kind == Kind::kHold);
  }
  SECTION("a folder") {
    bench.dossier.lever_file = read_lever_file(dir.path().string(), "heal.yml");
    CHECK(bench.ask(guard_lever).kind == Kind::kHold);
  }
}

TEST_CASE("a pause holds until it ends, and every one in force is told") {
  GuardBench bench;
  bench.controls.pauses["audit"] = {"audit", "cem", "audit", bench.now - 3h, bench.now - 1h};
  CHECK(bench.ask(guard_pauses).kind == Kind::kAllow);
  bench.controls.pauses["backup"] = {"backup", "ann", "backup", bench.now - 1h, bench.now + 1min};
  bench.controls.pauses["release"] = {"release", "bob", "release 12", bench.now - 1min, std::nullopt};
  const Verdict verdict = bench.ask(guard_pauses);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.message == "paused by ann (backup) and 1 more: backup");
  CHECK(verdict.until == bench.now + 1min);
  CHECK(inputs_of(verdict) ==
        "backup: by ann since 2030-03-17T16:46:40.000Z until 2030-03-17T17:47:40.000Z: backup\n"
        "release: by bob since 2030-03-17T17:45:40.000Z: release 12\n");
}

playbook::ChangeWindow window_of(const std::string& name, playbook::ChangeWindow::Effect effect,
                                 std::chrono::minutes from, std::chrono::minutes to) {
  playbook::ChangeWindow window;
  window.name = name;
  window.effect = effect;
  TimeWindow time;
  time.from = from;
  time.to = to;
  window.times = {time};
  return window;
}

TEST_CASE("a window that denies holds until it closes, for its playbooks and groups alone") {
  GuardBench bench;  // at 17:46:40
  auto& windows = bench.world->bundle.config.safety.windows;
  windows = {window_of("backup", playbook::ChangeWindow::Effect::kDeny, 17h, 18h)};
  const Verdict verdict = bench.ask(guard_windows);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "window_denies");
  CHECK(verdict.until == bench.now + 13min + 20s);
  CHECK(verdict.inputs.size() == 2);
  windows[0].playbooks = {"another"};
  CHECK(bench.ask(guard_windows).kind == Kind::kAllow);
  windows[0].playbooks = {"another", "restart-container"};
  windows[0].groups = {"db"};
  CHECK(bench.ask(guard_windows).kind == Kind::kAllow);
  bench.plan.group = "db";
  CHECK(bench.ask(guard_windows).kind == Kind::kHold);
  bench.now += 13min + 20s;
  CHECK(bench.ask(guard_windows).kind == Kind::kAllow);
}

TEST_CASE("where windows allow, nothing is begun outside of all of them, and a denial wins") {
  GuardBench bench;
  auto& windows = bench.world->bundle.config.safety.windows;
  windows = {window_of("morning", playbook::ChangeWindow::Effect::kAllow, 8h, 12h),
             window_of("afternoon", playbook::ChangeWindow::Effect::kAllow, 17h, 18h)};
  CHECK(bench.ask(guard_windows).kind == Kind::kAllow);
  bench.now += 1h;
  const Verdict verdict = bench.ask(guard_windows);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "outside_windows");
  CHECK(verdict.until == bench.now + kWindowRetry);
  bench.now -= 1h;
  windows.push_back(window_of("release", playbook::ChangeWindow::Effect::kDeny, 17h, 17h + 50min));
  CHECK(bench.ask(guard_windows).reason == "window_denies");
}

TEST_CASE("a storm holds until it is over, unless the brake is off") {
  GuardBench bench;
  bench.controls.storm = Storm{bench.now - 1min, bench.now + 4min, 12};
  const Verdict verdict = bench.ask(guard_storm);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "storm");
  CHECK(verdict.until == bench.now + 4min);
  bench.now += 4min;
  CHECK(bench.ask(guard_storm).kind == Kind::kAllow);
  bench.now -= 4min;
  bench.world->bundle.config.safety.storm.state = playbook::GuardSwitch::kOff;
  CHECK(bench.ask(guard_storm).reason == "off");
}

TEST_CASE("percentages round so that safety wins") {
  struct Case {
    std::size_t members;
    std::uint32_t percent, at_least;
    std::size_t most;
  };
  const auto c = GENERATE(values<Case>({{1, 50, 1, 1},
                                        {2, 50, 1, 1},
                                        {3, 50, 1, 1},
                                        {6, 50, 1, 3},
                                        {1, 50, 0, 0},
                                        {2, 50, 0, 1},
                                        {3, 50, 0, 1},
                                        {6, 50, 0, 3},
                                        {1, 34, 0, 0},
                                        {2, 34, 0, 0},
                                        {3, 34, 0, 1},
                                        {6, 34, 0, 2},
                                        {3, 33, 0, 0},
                                        {6, 99, 0, 5},
                                        {1, 99, 0, 0},
                                        {3, 0, 2, 2},
                                        {1, 0, 2, 1}}));
  CAPTURE(c.members, c.percent, c.at_least);
  playbook::PopulationGuard guard;
  guard.percent = c.percent;
  guard.at_least = c.at_least;
  CHECK(guard.most_unhealthy(c.members) == c.most);
  GuardBench bench;
  bench.plan.guards.population = guard;
  for (std::size_t sick = 1; sick <= c.members; ++sick) {
    CAPTURE(sick);
    bench.population_of(c.members, sick);
    const Verdict verdict = bench.ask(guard_population);
    CHECK(verdict.kind == (sick <= c.most ? Kind::kAllow : Kind::kHold));
  }
}

TEST_CASE("the population's verdict holds every member and how it is") {
  GuardBench bench;
  bench.population_of(3, 1);
  bench.dossier.population->members[1].answer = Answer::kUnknown;
  bench.dossier.population->members[1].message = "time-out";
  const Verdict verdict = bench.ask(guard_population);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "too_many_unhealthy");
  CHECK(verdict.message == "2 of 3 members of group web are unhealthy or being healed; 1 may be");
  CHECK(inputs_of(verdict) ==
        "group: web\ncontainer/local/web1: the target\ncontainer/local/web2: not known: time-out\n"
        "container/local/web3: healthy\nmembers: 3\nunhealthy: 2\nmax_unhealthy: 1 (50 %, at least 1)\n");
}

TEST_CASE("a member that is being healed counts as unhealthy, also when the action took it off the list") {
  GuardBench bench;
  bench.population_of(2, 1);
  CHECK(bench.ask(guard_population).kind == Kind::kAllow);
  bench.in_flight = {{"other", "container/local/web2", "web", "recreate-container"}};
  CHECK(bench.ask(guard_population).kind == Kind::kHold);
  bench.dossier.population->members.pop_back();
  const Verdict verdict = bench.ask(guard_population);
  CHECK(verdict.message == "2 of 2 members of group web are unhealthy or being healed; 1 may be");
  CHECK(verdict.kind == Kind::kHold);
}

TEST_CASE("an empty population refuses, an unknown one does as on_error says") {
  GuardBench bench;
  bench.plan.population_group = "typo";
  bench.dossier.population = Population{"typo", {}, ""};
  bench.plan.guards.population.on_error = playbook::OnError::kAllow;
  CHECK(bench.ask(guard_population).kind == Kind::kRefuse);
  CHECK(bench.ask(guard_population).reason == "population_empty");
  bench.dossier.population->error = "members on engine local: connection refused";
  CHECK(bench.ask(guard_population).kind == Kind::kAllow);
  CHECK(bench.ask(guard_population).is_blind);
  bench.plan.guards.population.on_error = playbook::OnError::kBlock;
  CHECK(bench.ask(guard_population).kind == Kind::kHold);
  CHECK(bench.ask(guard_population).reason == "population_unknown");
}

TEST_CASE("no more heals run than the caps of the group and of all allow") {
  GuardBench bench;
  bench.plan.group = "web";
  bench.plan.guards.in_flight.total = 2;
  bench.in_flight = {{"a", "container/local/db1", "db", "p"}};
  CHECK(bench.ask(guard_in_flight).kind == Kind::kAllow);
  bench.in_flight.push_back({"b", "service/lonely", "", "p"});
  Verdict verdict = bench.ask(guard_in_flight);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "too_many_in_flight");
  bench.in_flight[1] = {"b", "container/local/web2", "web", "p"};
  verdict = bench.ask(guard_in_flight);
  CHECK(verdict.reason == "group_busy");
  CHECK(verdict.message == "1 of group web is being healed; 1 may be at a time");
  CHECK(inputs_of(verdict) ==
        "container/local/db1: incident a, group db\ncontainer/local/web2: incident b, group web\ngroup: web\n"
        "in_flight_of_group: 1\nper_group: 1\nin_flight: 2\ntotal: 2\nworkers: 4\n");
  bench.plan.group = "";  // those without a group are no group
  bench.in_flight = {{"b", "service/lonely", "", "p"}};
  CHECK(bench.ask(guard_in_flight).kind == Kind::kAllow);
  bench.slots = 1;  // more than there are workers would wait unseen
  bench.plan.guards.in_flight.state = GENERATE(playbook::GuardSwitch::kOn, playbook::GuardSwitch::kOff);
  CHECK(bench.ask(guard_in_flight).reason == "too_many_in_flight");
  CHECK(bench.ask(guard_in_flight).message == "1 heal is running, as many as there are workers");
}

TEST_CASE("a blocking alert holds; Watchdog, our own alerts and the trigger itself do not") {
  GuardBench bench;
  CHECK(bench.ask(guard_blocking_alerts).message == "no alert is configured to block");
  bench.subject.origin.labels = {{"alertname", "NginxDown"}, {"severity", "critical"}};
  Episode joined;
  joined.labels = {{"alertname", "NginxSlow"}, {"severity", "critical"}};
  bench.subject.episodes = {joined};
  bench.dossier.blocking = ActiveAlerts{{bench.subject.origin.labels,
                                         joined.labels,
                                         {{"alertname", "Watchdog"}},
                                         {{"alertname", "InfoInhibitor"}},
                                         {{"alertname", "HealFailed"}, {"severity", "critical"}}},
                                        ""};
  CHECK(bench.ask(guard_blocking_alerts).kind == Kind::kAllow);
  bench.dossier.blocking->alerts.push_back({{"alertname", "NetworkDown"}, {"severity", "critical"}});
  bench.dossier.blocking->error = "connection refused";  // one that blocks is enough to know
  const Verdict verdict = bench.ask(guard_blocking_alerts);
  CHECK(verdict.kind == Kind::kHold);
  CHECK(verdict.reason == "blocking_alert");
  CHECK(verdict.message == "alert {alertname=\"NetworkDown\", severity=\"critical\"} is active and blocks");
  CHECK(verdict.inputs.size() == 6);
  bench.dossier.blocking->alerts.pop_back();
  CHECK(bench.ask(guard_blocking_alerts).reason == "alertmanager_unavailable");
  CHECK(bench.ask(guard_blocking_alerts).kind == Kind::kHold);
  bench.plan.guards.blocking_alerts.on_error = playbook::OnError::kAllow;
  CHECK(bench.ask(guard_blocking_alerts).kind == Kind::kAllow);
}

TEST_CASE("a target that was healed too often flaps") {
  GuardBench bench;
  for (int i = 0; i < 5; ++i)
    bench.history.healed("i", bench.now - 6h + i * 1h - 1s);
  CHECK(bench.ask(guard_flap).kind == Kind::kAllow);  // the first is out of the window
  bench.history.healed("i", bench.now - 1s);
  const Verdict verdict = bench.ask(guard_flap);
  CHECK(verdict.kind == Kind::kRefuse);
  CHECK(verdict.reason == "flapping");
  CHECK(verdict.message == "healed 5 times in 6h and broken again: healing does not help it");
}

TEST_CASE("an open breaker refuses until the target was healthy for long enough before the incident") {
  GuardBench bench;
  bench.controls.breakers.emplace("restart-container/container/local/web1",
                                  Breaker{"restart-container", "container/local/web1", "budget_exhausted",
                                          "3 of 3 attempts used in 1h", "old", bench.now - 5h});
  CHECK(bench.ask(guard_breaker).kind == Kind::kRefuse);
  CHECK(bench.ask(guard_breaker).reason == "breaker_open");
  bench.history.was_healthy_since = bench.now - 59min;
  CHECK(bench.ask(guard_breaker).kind == Kind::kRefuse);
  bench.history.was_healthy_since = bench.now - 1h;
  CHECK(bench.ask(guard_breaker).kind == Kind::kAllow);
  CHECK(bench.ask(guard_breaker).reason == "new_problem");
  bench.controls.breakers.begin()->second.reason = "flapping";  // which takes the window of flap to forget
  CHECK(bench.ask(guard_breaker).kind == Kind::kRefuse);
  bench.plan.playbook = "another";
  CHECK(bench.ask(guard_breaker).kind == Kind::kAllow);
}

TEST_CASE("healthy for long enough, the budget begins anew; else all of the window counts") {
  GuardBench bench;
  bench.plan.guards.budget.window = 24h;
  for (int i = 0; i < 3; ++i)
    bench.history.began(bench.now - 5h + i * 1min);
  CHECK(bench.ask(guard_budget).kind == Kind::kRefuse);
  bench.history.was_healthy_since = bench.now - 30min;
  CHECK(bench.ask(guard_budget).kind == Kind::kRefuse);
  bench.history.was_healthy_since = bench.now - 4h;
  CHECK(bench.ask(guard_budget).kind == Kind::kAllow);
  bench.history.began(bench.now - 1min);  // of this incident
  const Verdict verdict = bench.ask(guard_budget);
  CHECK(verdict.kind == Kind::kAllow);
  CHECK(verdict.message == "healthy for 4h00m before this: a new problem, 1 of 3 attempts used");
}

TEST_CASE("a clock that jumps back makes no cooldown longer than it is") {
  GuardBench bench;
  bench.history.began(bench.now);
  bench.acted_ago = 0s;
  CHECK(bench.ask(guard_cooldown).until == bench.now + 5min);
  bench.now -= 1h;
  bench.acted_ago = 2min;
  CHECK(bench.ask(guard_cooldown).until == bench.now + 3min);
  bench.acted_ago = 5min;
  CHECK(bench.ask(guard_cooldown).kind == Kind::kAllow);
}

TEST_CASE("a clock that jumps ahead ends no cooldown") {
  GuardBench bench;
  bench.history.began(bench.now);
  bench.now += 24h;
  bench.acted_ago = 2min;
  CHECK(bench.ask(guard_cooldown).until == bench.now + 3min);
  bench.acted_ago.reset();  // after a restart nobody can tell
  CHECK(bench.ask(guard_cooldown).kind == Kind::kAllow);
}

TEST_CASE("what is stored of a target can be read again, also what an earlier release wrote") {
  GuardBench bench;
  TargetHistory history;
  history.began(bench.now - 2h);
  history.healed("i", bench.now - 1h);
  history.held(bench.now - 59min);
  history.troubled();
  CHECK(parse_target_history(to_json_text(history)).value() == history);
  TargetHistory old;
  old.began(bench.now);
  CHECK(parse_target_history(R"({"attempts": ["2030-03-17T17:46:40Z"], "cooldown_from": "2030-03-17T17:46:40Z"})")
            .value() == old);
}

}  // namespace
}  // namespace heal::remedy::test
