#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

Json pause_of(const std::string& name, const std::string& by) {
  return {{"name", name},
          {"by", by},
          {"reason", "release 12"},
          {"since", format_rfc3339_nano(FakeClock::kStart - 1min)},
          {"until", nullptr}};
}
Json breaker_of(const std::string& playbook) {
  return {{"playbook", playbook},         {"target", "container/local/nginx"},
          {"reason", "budget_exhausted"}, {"message", "3 of 3 attempts used in 1h"},
          {"incident", "01J8"},           {"opened_at", format_rfc3339_nano(FakeClock::kStart - 2h)}};
}

TEST_CASE("a pause is asked for with its reason, and shown") {
  Bench bench;
  bench.on("POST", "/pauses", 201, text_of(Json{{"pause", pause_of("release", "ada")}}));
  CHECK(
      bench.run({"pause", "release", "--reason", "release 12", "--for", "90m"}) ==
      Ran{Exit::kDone, "NAME     BY   SINCE      UNTIL    REASON\nrelease  ada  1m00s ago  resumed  release 12\n", ""});
  CHECK(parse_json(bench.last_request().body).value() ==
        Json{{"by", "ada"}, {"for", "1h30m"}, {"name", "release"}, {"reason", "release 12"}});
  CHECK(bench.run({"pause", "release"}).exit == Exit::kUsage);
  CHECK(bench.run({"pause", "--reason", "x"}).exit == Exit::kUsage);
}

TEST_CASE("pauses are listed without a name") {
  Bench bench;
  bench.on("GET", "/pauses", 200, R"({"pauses":[]})");
  CHECK(bench.run({"pause"}) == Ran{Exit::kDone, "", "no pauses\n"});
}

TEST_CASE("a pause of somebody else is refused with exit 4") {
  Bench bench;
  bench.on("POST", "/pauses", 409, R"({"error":{"code":"refused","message":"bob holds a pause release already"}})");
  CHECK(bench.run({"pause", "release", "--reason", "mine"}).exit == Exit::kRefused);
}

TEST_CASE("the end of a pause tells whether others are in force") {
  Bench bench;
  bench.on("DELETE", "/pauses/release?by=ada", 200,
           text_of(Json{{"pause", pause_of("release", "ada")}, {"pauses", Json::array()}}));
  CHECK(bench.run({"resume", "release"}) == Ran{Exit::kDone, "", "ended; healing goes on\n"});
  bench.on("DELETE", "/pauses/backup?by=ada", 200,
           text_of(Json{{"pause", pause_of("backup", "ada")}, {"pauses", Json::array({pause_of("audit", "bob")})}}));
  CHECK(bench.run({"resume", "backup"}) ==
        Ran{Exit::kDone, "NAME   BY   SINCE      UNTIL    REASON\naudit  bob  1m00s ago  resumed  release 12\n",
            "ended; still paused by 1 other(s):\n"});
}

TEST_CASE("--dry-run of pause, resume and lever tells what would be, and changes nothing") {
  Bench bench;
  bench.on("GET", "/pauses", 200,
           text_of(Json{{"pauses", Json::array({pause_of("audit", "bob"), pause_of("backup", "ada")})}}));
  bench.on("GET", "/lever", 200, R"({"lever":{"engaged":false}})");
  CHECK(bench.run({"pause", "release", "--reason", "x", "--for", "1h", "--dry-run"}) ==
        Ran{Exit::kDone, "would let nothing new be begun for 1h; 2 other pause(s) in force\n", ""});
  CHECK(bench.run({"pause", "audit", "--reason", "x", "--dry-run"}) ==
        Ran{Exit::kRefused, "would not begin: there is a pause audit already\n", ""});
  CHECK(bench.run({"resume", "audit", "--dry-run"}) ==
        Ran{Exit::kDone, "NAME   BY   SINCE      UNTIL    REASON\naudit  bob  1m00s ago  resumed  release 12\n",
            "would end; 1 other(s) stay in force\n"});
  CHECK(bench.run({"resume", "none", "--dry-run"}) ==
        Ran{Exit::kFailed, "", "healctl: error: there is no pause none\n"});
  CHECK(bench.run({"lever", "engage", "--dry-run"}) == Ran{Exit::kDone, "released\n", "would engage; now it is:\n"});
  CHECK(bench.run({"lever", "release", "--dry-run"}) == Ran{Exit::kDone, "released\n", "nothing would change:\n"});
  for (const auto& request : bench.http.requests())
    CHECK(request.method == "GET");
}

TEST_CASE("the lever is shown with who moved it, and its file") {
  Bench bench;
  const Json lever{
      {"engaged", true}, {"by", "bob"}, {"reason", "fire"}, {"since", format_rfc3339_nano(FakeClock::kStart - 5s)}};
  bench.on("PUT", "/lever", 200, text_of(Json{{"lever", lever}, {"file", nullptr}, {"stops", true}}));
  CHECK(bench.run({"lever", "engage", "--reason", "fire"}) == Ran{Exit::kDone, "engaged by bob 5s ago: fire\n", ""});
  CHECK(parse_json(bench.last_request().body).value() == Json{{"by", "ada"}, {"engaged", true}, {"reason", "fire"}});
  bench.on("GET", "/lever", 200,
           text_of(Json{{"lever", {{"engaged", false}, {"by", ""}, {"reason", ""}, {"since", nullptr}}},
                        {"file", {{"path", "/run/lever"}, {"run", false}, {"message", "is empty"}}},
                        {"stops", true}}));
  CHECK(bench.run({"lever"}) == Ran{Exit::kDone, "released\nfile /run/lever is empty: stop\n", ""});
  CHECK(bench.run({"lever", "pull"}).exit == Exit::kUsage);
}

TEST_CASE("breakers are listed, and reset only when it is said which") {
  Bench bench;
  bench.on("GET", "/breakers", 200,
           text_of(Json{{"breakers", Json::array({breaker_of("restart"), breaker_of("recreate")})}}));
  const std::string head = "PLAYBOOK  TARGET                 OPENED     REASON            INCIDENT\n";
  const std::string first = "restart   container/local/nginx  2h00m ago  budget_exhausted  01J8\n";
  const std::string second = "recreate  container/local/nginx  2h00m ago  budget_exhausted  01J8\n";
  CHECK(bench.run({"breaker", "list"}) == Ran{Exit::kDone, head + first + second, ""});
  CHECK(bench.run({"breaker", "reset"}).exit == Exit::kUsage);
  CHECK(bench.run({"breaker", "reset", "restart", "--all"}).exit == Exit::kUsage);
  CHECK(bench.run({"breaker", "reset", "restart", "--dry-run"}).out.find("recreate") == std::string::npos);
  bench.on("POST", "/breakers/reset", 200, text_of(Json{{"breakers", Json::array({breaker_of("restart")})}}));
  CHECK(bench.run({"breaker", "reset", "restart", "--reason", "disk full"}) ==
        Ran{Exit::kDone, head + first, "1 closed\n"});
  CHECK(parse_json(bench.last_request().body).value() ==
        Json{{"all", false}, {"by", "ada"}, {"playbook", "restart"}, {"reason", "disk full"}, {"target", ""}});
}

TEST_CASE("the tables of pauses and breakers fit eighty columns") {
  Bench bench;
  bench.width = 80;
  bench.environment["NO_COLOR"] = "1";
  Json pause = pause_of("a-rather-long-name-of-a-release", "somebody@example.net");
  pause["reason"] = std::string(200, 'r');
  bench.on("GET", "/pauses", 200, text_of(Json{{"pauses", Json::array({pause})}}));
  const Ran pauses = bench.run({"pause"});
  INFO(pauses.out);
  CHECK(widest_line(pauses.out) <= 80);
  CHECK(pauses.out.find("a-rather-long-name-of-a-release") != std::string::npos);
  Json breaker = breaker_of("a-playbook-with-a-long-name");
  breaker["target"] = "container/local/" + std::string(60, 'c');
  bench.on("GET", "/breakers", 200, text_of(Json{{"breakers", Json::array({breaker})}}));
  const Ran breakers = bench.run({"breaker", "list"});
  INFO(breakers.out);
  CHECK(widest_line(breakers.out) <= 80);
}

TEST_CASE("what a control command is refused or not told ends with the code for it") {
  const std::string missing = R"({"error":{"code":"unauthorized","message":"needs the role operate"}})";
  Bench bench;
  bench.on("PUT", "/lever", 403, missing);
  CHECK(bench.run({"lever", "engage", "--reason", "fire"}).exit == Exit::kRefused);
  bench.on("POST", "/breakers/reset", 404, R"({"error":{"code":"not_found","message":"no breaker is open there"}})");
  CHECK(bench.run({"breaker", "reset", "restart"}).exit == Exit::kFailed);
  bench.on("DELETE", "/pauses/release?by=ada", 404, R"({"error":{"code":"not_found","message":"no such pause"}})");
  CHECK(bench.run({"resume", "release"}).exit == Exit::kFailed);
  Bench mute;
  mute.http.on("PUT", std::string(Bench::kApi) + "/lever", HttpAnswer::failing(Error(ErrorCode::kTimeout, "silence")));
  CHECK(mute.run({"lever", "engage", "--reason", "fire"}).exit == Exit::kUnknown);
  mute.http.on("POST", std::string(Bench::kApi) + "/pauses",
               HttpAnswer::failing(Error(ErrorCode::kUnreachable, "refused")));
  CHECK(mute.run({"pause", "x", "--reason", "y"}).exit == Exit::kUnreachable);
}

}  // namespace
}  // namespace heal::ctl
