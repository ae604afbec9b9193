// Faults that holders bring about, with a simulated engine and a simulated holder.

#include <catch2/catch.hpp>

#include "common/fault/params.h"
#include "tests/unit/fault/held_site.h"

namespace heal::fault {
namespace {

using test::HeldSite;
using test::kWeb;
using State = FaultLease::State;
using Kinds = std::vector<std::string>;

Params params_for(const std::string& kind) {
  return kind == "dependency" ? Params{{"to", "db:5432"}} : Params{};
}

const Kinds& held_kinds() {
  static const Kinds kKinds{"dependency", "unseen",  "loss", "http-errors", "bandwidth", "latency", "corrupt",
                            "duplicate",  "reorder", "cpu",  "memory",      "pids",      "disk"};
  return kKinds;
}

TEST_CASE("a held fault is there from its injection to its deadline, and a second undo is harmless") {
  for (const std::string& kind : held_kinds()) {
    CAPTURE(kind);
    HeldSite site;
    auto keeper = site.holding();
    const auto lease = keeper->inject({kind, kWeb, 30s, "ops", params_for(kind)}, {}).value();
    CHECK(site.faults() == Kinds{kind});
    site.clock.advance(29s);
    keeper->revert_due({});
    CHECK(site.faults() == Kinds{kind});
    site.clock.advance(1s);
    CHECK(keeper->revert_due({}) == std::nullopt);
    CHECK(site.faults().empty());
    CHECK(keeper->list().at(0).state == State::kReverted);
    CHECK_FALSE(site.has_holder(lease.id));
    CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  }
}

TEST_CASE("a holder ends its fault by itself when nobody else is left") {
  HeldSite site;
  std::string id;
  {
    auto keeper = site.holding();
    id = keeper->inject({"cpu", kWeb, 30s, "ops"}, {}).value().id;
  }
  site.clock.advance(30s);
  site.holders.pass_time();
  CHECK(site.faults().empty());
  auto next = site.holding();
  CHECK(next->revert_due({}) == std::nullopt);
  CHECK(next->list().at(0).state == State::kReverted);
  CHECK_FALSE(site.has_holder(id));
}

TEST_CASE("what a killed holder leaves behind is swept at the deadline") {
  HeldSite site;
  site.holders.leave_behind("bandwidth");
  auto keeper = site.holding();
  const auto lease = keeper->inject({"bandwidth", kWeb, 30s, "ops"}, {}).value();
  REQUIRE(site.engine->kill("heal-fault-helper-" + lease.id, "KILL", site.clock.deadline_in(5s), {}));
  CHECK(site.faults() == Kinds{"bandwidth"});
  // As long as it is not known to be gone there is no place for another one.
  const auto second = keeper->inject({"cpu", kWeb, 30s, "ops"}, {});
  REQUIRE_FALSE(second);
  CHECK(second.error().message() == fmt::format("fault {} (bandwidth) is on container/local/web already", lease.id));
  site.clock.advance(30s);
  keeper->revert_due({});
  CHECK(site.faults().empty());
  CHECK(keeper->list().at(0).state == State::kReverted);
}

TEST_CASE("a container that was started again is not touched by the sweeping of its earlier run") {
  HeldSite site;
  auto keeper = site.holding();
  const auto lease = keeper->inject({"bandwidth", kWeb, 30s, "ops"}, {}).value();
  REQUIRE(site.engine->kill("heal-fault-helper-" + lease.id, "KILL", site.clock.deadline_in(5s), {}));
  site.clock.advance(1s);
  REQUIRE(site.engine->restart("web", 1s, site.clock.deadline_in(5s), {}));
  site.engine->forget_calls();
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(site.changes() == std::vector<std::string>{"remove"});
}

TEST_CASE("the fault of a container that was started again is over, and in nobody's way") {
  const bool is_killed = GENERATE(false, true);
  CAPTURE(is_killed);
  HeldSite site;
  auto keeper = site.holding();
  const auto lease = keeper->inject({"bandwidth", kWeb, 30s, "ops"}, {}).value();
  if (is_killed) REQUIRE(site.engine->kill("heal-fault-helper-" + lease.id, "KILL", site.clock.deadline_in(5s), {}));
  site.clock.advance(1s);
  REQUIRE(site.engine->restart("web", 1s, site.clock.deadline_in(5s), {}));
  REQUIRE(keeper->inject({"cpu", kWeb, 30s, "ops"}, {}));
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK_FALSE(site.has_holder(lease.id));
  CHECK(site.faults() == Kinds{"cpu"});
}

TEST_CASE("a fault whose ledger was lost is found by its holder, and undone at its deadline") {
  const auto kind = GENERATE(as<std::string>(), "cpu", "loss", "stop", "pause", "partition");
  CAPTURE(kind);
  HeldSite site;
  const ContainerInfo before = site.web();
  const auto lease = site.holding()->inject({kind, kWeb, 30s, "ops"}, {}).value();
  MemoryStore empty;
  auto keeper = site.holding(empty);
  CHECK(keeper->list().empty());
  CHECK(keeper->adopt_marks({}));
  CHECK(keeper->list() == std::vector{lease});
  CHECK(empty.leases().value() == std::vector{lease});
  site.clock.advance(30s);
  keeper->revert_due({});
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK(site.faults().empty());
  CHECK(site.web().status == "running");
  CHECK(site.web().networks == before.networks);
  CHECK_FALSE(site.has_holder(lease.id));
}

TEST_CASE("a label on a container that is not our image's is nobody's lease") {
  HeldSite site;
  const auto lease = site.holding()->inject({"stop", kWeb, 30s, "ops"}, {}).value();
  const auto holder = site.engine->inspect("heal-fault-helper-" + lease.id, site.clock.deadline_in(5s), {}).value();
  REQUIRE(site.engine->remove(holder.id, site.clock.deadline_in(5s), {}));
  SimContainer forged;
  forged.name = holder.name;
  forged.labels = holder.labels;
  site.engine->add(forged);
  MemoryStore empty;
  auto keeper = site.holding(empty);
  CHECK(keeper->adopt_marks({}));
  CHECK(keeper->list().empty());
}

TEST_CASE("a holder that nobody needs any more is removed") {
  HeldSite site;
  auto keeper = site.holding();
  const auto lease = keeper->inject({"cpu", kWeb, 30s, "ops"}, {}).value();
  const auto holder = site.engine->inspect("heal-fault-helper-" + lease.id, site.clock.deadline_in(5s), {}).value();
  REQUIRE(keeper->revert(lease.id, {}));
  ContainerSpec again;
  again.name = holder.name;
  again.image = holder.image;
  again.labels = holder.labels;
  REQUIRE(site.engine->create_from(again));
  CHECK(keeper->adopt_marks({}));
  CHECK_FALSE(site.has_holder(lease.id));
}

TEST_CASE("what this machine cannot do is refused before anything is written or touched") {
  const auto kind = GENERATE(as<std::string>(), "dependency", "unseen", "loss", "http-errors", "bandwidth", "latency",
                             "corrupt", "duplicate", "reorder");
  CAPTURE(kind);
  HeldSite site;
  site.holders.lack(kind);
  auto keeper = site.holding();
  const auto refused = keeper->inject({kind, kWeb, 30s, "ops", params_for(kind)}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kRefused);
  CHECK(refused.error().message() == "this kernel has no " + kind);
  CHECK(keeper->check({kind, kWeb, 30s, "ops", params_for(kind)}, {}).error().message() == refused.error().message());
  CHECK(site.store->leases().value().empty());
  CHECK(site.faults().empty());
}

TEST_CASE("a network is not broken while somebody who has not agreed is in it") {
  HeldSite site;
  auto keeper = site.holding();
  SimContainer sidecar;
  sidecar.name = "sidecar";
  sidecar.networks = {"container:" + site.web().id};
  site.engine->add(sidecar);
  for (const std::string kind : {"loss", "latency", "partition"}) {
    CAPTURE(kind);
    const auto refused = keeper->inject({kind, kWeb, 30s, "ops"}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == ErrorCode::kRefused);
    CHECK(refused.error().str() ==
          fmt::format("fault {}: sidecar uses the network of web: container sidecar may not be broken: it has no label "
                      "heal.simulate=allow",
                      kind));
  }
  CHECK(site.store->leases().value().empty());
  SECTION("what breaks no network is allowed") {
    CHECK(keeper->inject({"cpu", kWeb, 30s, "ops"}, {}));
  }
  SECTION("who has agreed is broken with it") {
    REQUIRE(site.engine->remove("sidecar", site.clock.deadline_in(5s), {}));
    sidecar.labels = {{"heal.simulate", "allow"}};
    site.engine->add(sidecar);
    CHECK(keeper->inject({"loss", kWeb, 30s, "ops"}, {}));
  }
}

TEST_CASE("a holder that fails leaves nothing, and says why") {
  HeldSite site;
  site.holders.break_down("loss");
  auto keeper = site.holding();
  const auto failed = keeper->inject({"loss", kWeb, 30s, "ops"}, {});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message() == "the fault holder ended with 1: no loss today");
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK_FALSE(site.has_holder(keeper->list().at(0).id));
}

TEST_CASE("without an image for holders the faults that need one are refused") {
  HeldSite site;
  auto keeper = site.keeper();
  const auto refused = keeper->inject({"cpu", kWeb, 30s, "ops"}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() ==
        "fault cpu needs a holder in a container of promheal's own image: set faults.helper_image in heal.yml");
  CHECK(site.changes().empty());
}

TEST_CASE("where no holder can be run nothing is written and nothing is touched") {
  const auto kind = GENERATE(as<std::string>(), "cpu", "disk", "loss", "http-errors", "latency");
  CAPTURE(kind);
  HeldSite site;
  auto keeper = site.holding();
  const Params params = kind == "disk" ? Params{{"path", "/data"}} : Params{};
  site.engine->fail_next("run", Error(ErrorCode::kNotFound, "No such image: promheal:local"));
  const auto refused = keeper->inject({kind, kWeb, 30s, "ops", params}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kNotFound);
  CHECK(refused.error().str() == "fault holder: No such image: promheal:local");
  CHECK(keeper->list().empty());
  CHECK(site.store->leases().value().empty());
  CHECK(keeper->inject({kind, kWeb, 30s, "ops", params}, {}).has_value());
}

TEST_CASE("a dependency is taken apart, the monitoring is known by what it is") {
  HeldSite site;
  auto keeper = site.holding();
  const auto undo_of = [&](const std::string& kind, const Params& params) {
    const auto lease = keeper->inject({kind, kWeb, 30s, "ops", params}, {}).value();
    (void)keeper->revert(lease.id, {});
    return Recipe::parse(lease.undo).value().params;
  };
  CHECK(undo_of("dependency", {{"to", "db:5432"}}) ==
        Params{{"to", "db:5432"}, {"how", "refuse"}, {"port", "5432"}, {"hosts", "db"}});
  CHECK(undo_of("dependency", {{"to", "2001:db8::1"}, {"how", "drop"}}) ==
        Params{{"to", "2001:db8::1"}, {"how", "drop"}, {"hosts", "2001:db8::1"}});
  CHECK(undo_of("dependency", {{"to", "[2001:db8::1]:80"}}) ==
        Params{{"to", "[2001:db8::1]:80"}, {"how", "refuse"}, {"port", "80"}, {"hosts", "2001:db8::1"}});
  CHECK(undo_of("unseen", {}) == Params{{"hosts", "prometheus"}, {"missing", "allowed"}});
  CHECK(undo_of("unseen", {{"from", "db, prometheus"}}) ==
        Params{{"from", "db, prometheus"}, {"hosts", "db, prometheus"}});
  REQUIRE(site.engine->remove("prometheus", site.clock.deadline_in(5s), {}));
  const auto nobody = keeper->inject({"unseen", kWeb, 30s, "ops"}, {});
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().message() ==
        "fault unseen: no container of the monitoring runs on this engine: say which with \"from\"");
}

TEST_CASE("Alertmanager ends a silence by itself, and an undo ends it at once") {
  HeldSite site;
  auto keeper = site.holding();
  const auto lease = keeper->inject({"silence", kWeb, 30s, "ops"}, {}).value();
  const auto silences = [&] { return site.alertmanager->silences(site.clock.deadline_in(5s), {}).value(); };
  REQUIRE(silences().size() == 1);
  CHECK(silences()[0].matchers == std::vector{Matcher::parse("container=\"web\"").value()});
  CHECK(silences()[0].ends_at <= lease.deadline);
  CHECK(silences()[0].comment == "promheal fault " + lease.id);
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(silences().empty());
  site.clock.advance(1s);
  const auto second =
      keeper->inject({"silence", kWeb, 30s, "ops", {{"match", "alertname=Down,container=web"}}}, {}).value();
  site.clock.advance(30s);
  CHECK(silences().empty());
  keeper->revert_due({});
  CHECK(keeper->list().at(1).state == State::kReverted);
  CHECK(keeper->list().at(1).id == second.id);
}

TEST_CASE("parameters that do not fit are refused with the name of fault and parameter") {
  struct Case {
    const char* kind;
    Params params;
    const char* message;
  };
  const std::vector<Case> cases{
      {"stop", {{"x", "1"}}, "fault stop takes no parameters, not \"x\""},
      {"cpu", {{"cpu", "1"}}, "fault cpu has no parameter \"cpu\", expected one of cpus"},
      {"cpu", {{"cpus", "0"}}, "fault cpu: cpus: expected a whole number from 1 to 64, not \"0\""},
      {"cpu", {{"cpus", "two"}}, "fault cpu: cpus: expected a whole number from 1 to 64, not \"two\""},
      {"memory", {{"size", "2GiB"}}, "fault memory: size: expected a size from 1MiB to 1GiB, as 64MiB, not \"2GiB\""},
      {"memory", {{"size", "1e9"}}, "fault memory: size: expected a size from 1MiB to 1GiB, as 64MiB, not \"1e9\""},
      {"memory", {{"percent", "96"}}, "fault memory: percent: expected a whole number from 1 to 95, not \"96\""},
      {"pids", {{"count", "-1"}}, "fault pids: count: expected a whole number from 1 to 5000, not \"-1\""},
      {"disk", {{"path", "data"}}, "fault disk: path: expected an absolute path in the container, not \"data\""},
      {"dependency",
       {},
       "fault dependency needs \"to\": what it must not reach: a host's name as it knows it, or an IP "
       "address, with or without :PORT"},
      {"dependency",
       {{"to", "db:0"}},
       "fault dependency: to: expected a host's name or an IP address, as db:5432, "
       "not \"db:0\""},
      {"dependency",
       {{"to", "db"}, {"how", "slow"}},
       "fault dependency: how: expected one of refuse, drop, not \"slow\""},
      {"loss", {{"percent", "101"}}, "fault loss: percent: expected a whole number from 1 to 100, not \"101\""},
      {"http-errors",
       {{"status", "200"}},
       "fault http-errors: status: expected a whole number from 400 to 599, not "
       "\"200\""},
      {"bandwidth", {{"rate", "1"}}, "fault bandwidth: rate: expected a size from 1KiB to 1GiB, as 64MiB, not \"1\""},
      {"latency", {{"delay", "2m"}}, "fault latency: delay: expected a duration from 1ms to 1m, not \"2m\""},
      {"silence", {{"match", "alertname=Down"}}, R"(fault silence: match: expected container="web" among the labels)"},
      {"silence", {{"match", "container=db"}}, R"(fault silence: match: expected container="web" among the labels)"},
      {"silence",
       {{"match", R"(container=~"web|db")"}},
       R"(fault silence: match: expected container="web" among the labels)"},
  };
  HeldSite site;
  auto keeper = site.holding();
  for (const Case& c : cases) {
    const auto refused = keeper->inject({c.kind, kWeb, 30s, "ops", c.params}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == c.message);
    CHECK(refused.error().code() == ErrorCode::kInvalid);
  }
  CHECK(site.changes().empty());
}

}  // namespace
}  // namespace heal::fault
