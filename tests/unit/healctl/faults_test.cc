#include <catch2/catch.hpp>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

FaultLease lease(FaultLease::State state) {
  return {.id = "01J8FAULT",
          .kind = "pause",
          .target = {"container", "local", "nginx"},
          .state = state,
          .injected_at = FakeClock::kStart - 10s,
          .deadline = FakeClock::kStart + 50s,
          .owner = "ada",
          .original = "",
          .undo = "",
          .last_error = ""};
}

std::string fault_of(FaultLease::State state) {
  return text_of(Json{{"fault", to_json(lease(state))}});
}
std::string faults_of(std::vector<FaultLease> leases) {
  Json list = Json::array();
  for (const auto& one : leases)
    list.push_back(to_json(one));
  return text_of(Json{{"faults", list}});
}

TEST_CASE("simulate-up of a fault that could not be undone, for something is not found, says so and fails") {
  Bench bench;
  bench.on("POST", "/faults/revert", 404, R"({"error":{"code":"not_found","message":"network back not found"}})");
  CHECK(bench.run({"simulate-up", kTarget}) ==
        Ran{Exit::kFailed, "",
            "healctl: error: POST http://localhost:9095/api/v1/faults/revert: network back not found\n"});
}

TEST_CASE("simulate-up --dry-run shows what it would end, and ends nothing") {
  Bench bench;
  bench.on("GET", "/faults", 200, faults_of({lease(FaultLease::State::kApplied)}));
  CHECK(bench.run({"simulate-up", kTarget, "--dry-run"}).out.find("01J8FAULT") != std::string::npos);
  CHECK(bench.run({"simulate-up", "container/local/other", "--dry-run"}) ==
        Ran{Exit::kDone, "", "nothing would be ended\n"});
  for (const auto& request : bench.http.requests())
    CHECK(request.method == "GET");
}

TEST_CASE("simulate-down asks the service for a leased fault") {
  Bench bench;
  bench.on("POST", "/faults", 201, fault_of(FaultLease::State::kApplied));
  CHECK(bench.run({"simulate-down", kTarget, "--fault", "pause", "--for", "90s"}) ==
        Ran{Exit::kDone, "01J8FAULT  pause of container/local/nginx, undone at 2030-01-02T03:04:55Z\n",
            "\"healctl simulate-up container/local/nginx\" ends it sooner\n"});
  CHECK(bench.last_request().body == R"({"by":"ada","fault":"pause","for":"1m30s","target":"container/local/nginx"})");
}

TEST_CASE("simulate-down passes the parameters of a fault on, and says before it asks what does not fit") {
  Bench bench;
  bench.on("POST", "/faults", 201, fault_of(FaultLease::State::kApplied));
  CHECK(
      bench.run({"simulate-down", kTarget, "--fault", "dependency", "--set", "to=db:5432", "--set", "how=drop"}).exit ==
      Exit::kDone);
  CHECK(
      bench.last_request().body ==
      R"({"by":"ada","fault":"dependency","for":"1m","target":"container/local/nginx","with":{"how":"drop","to":"db:5432"}})");
  Bench other;
  const Ran refused = other.run({"simulate-down", kTarget, "--fault", "cpu", "--set", "cpus=many"});
  CHECK(refused.exit == Exit::kUsage);
  CHECK(refused.out == "");
  CHECK(refused.err ==
        "healctl: error: fault cpu: cpus: expected a whole number from 1 to 64, not \"many\"\n"
        "hint: see \"healctl simulate-down --help\"\n");
}

TEST_CASE("what a fault may do beyond the usual is said in so many words") {
  Bench bench;
  bench.on("POST", "/faults", 201, fault_of(FaultLease::State::kApplied));
  CHECK(bench.run({"simulate-down", kTarget, "--ignore-blast-radius", "--yes-really", "--page"}).exit == Exit::kDone);
  CHECK(
      bench.last_request().body ==
      R"({"by":"ada","fault":"stop","for":"1m","ignore_blast_radius":true,"page":true,"target":"container/local/nginx","yes_really":true})");
}

TEST_CASE("a fault that the service refuses exits 4 with its reason") {
  Bench bench;
  bench.on("POST", "/faults", 403, R"({"error":{"code":"refused","message":"nginx lacks heal.simulate=allow"}})");
  CHECK(bench.run({"simulate-down", kTarget}) ==
        Ran{Exit::kRefused, "",
            "healctl: error: POST http://localhost:9095/api/v1/faults: nginx lacks heal.simulate=allow\n"});
}

TEST_CASE("simulate-up says whether all is undone") {
  Bench bench;
  bench.on("POST", "/faults/revert", 200, faults_of({lease(FaultLease::State::kReverted)}));
  CHECK(bench.run({"simulate-up", kTarget}).exit == Exit::kDone);
  CHECK(bench.last_request().body == R"({"by":"ada","target":"container/local/nginx"})");

  Bench failing;
  failing.on("POST", "/faults/revert", 200, faults_of({lease(FaultLease::State::kRevertFailed)}));
  CHECK(failing.run({"simulate-up", kTarget}).exit == Exit::kFailed);

  Bench none;
  none.on("POST", "/faults/revert", 200, faults_of({}));
  CHECK(none.run({"simulate-up", kTarget}) == Ran{Exit::kDone, "", "no fault is active there\n"});
}

TEST_CASE("faults list shows what is active, and with --all the rest") {
  Bench bench;
  bench.on("GET", "/faults", 200, faults_of({lease(FaultLease::State::kApplied), lease(FaultLease::State::kReverted)}));
  CHECK(bench.run({"faults", "list"}) ==
        Ran{Exit::kDone,
            "ID         FAULT  TARGET                 STATE    SINCE    UNTIL   BY   ERROR\n"
            "01J8FAULT  pause  container/local/nginx  applied  10s ago  in 50s  ada  -\n",
            ""});
  const auto all = parse_json(bench.run({"faults", "list", "--all", "-o", "json"}).out);
  REQUIRE(all);
  CHECK(all->at("faults").size() == 2);
}

TEST_CASE("faults revert ends one or all, and insists on which") {
  Bench bench;
  bench.on("DELETE", "/faults/01J8FAULT", 200, fault_of(FaultLease::State::kReverted));
  CHECK(bench.run({"faults", "revert", "01J8FAULT"}).exit == Exit::kDone);
  bench.on("POST", "/faults/revert", 200, faults_of({}));
  CHECK(bench.run({"faults", "revert", "--all"}).exit == Exit::kDone);
  CHECK(bench.last_request().body == R"({"all":true,"by":"ada"})");
  CHECK(bench.run({"faults", "revert"}) ==
        Ran{Exit::kUsage, "", "healctl: error: give the ID of one fault, or --all\n"});
  CHECK(bench.run({"faults", "revert", "x", "--all"}).exit == Exit::kUsage);
}

}  // namespace
}  // namespace heal::ctl
