#include "common/wire/docker.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/wire/at.h"

namespace heal {
namespace {

ContainerInfo sample_container() {
  ContainerInfo info;
  info.id = std::string(64, 'a');
  info.name = "web";
  info.image = "nginx:1";
  info.status = "running";
  info.health = "healthy";
  info.labels = {{"heal.enable", "true"}};
  info.pid = 42;
  info.restart_count = 3;
  info.restart_policy = "no";
  info.auto_remove = true;
  info.created_at = at("2030-01-02T03:00:00Z");
  info.started_at = at("2030-01-02T03:04:05.123456789Z");
  info.network_mode = "shop_default";
  info.networks = {{"shop_default", R"({"Aliases":["web"],"IPAMConfig":{"IPv4Address":"10.0.0.9"}})"}};
  info.memory_limit_bytes = 1 << 20;
  info.limits = {1 << 20, 2 << 20, std::nullopt, 50000, 100000, 77};
  return info;
}

TEST_CASE("a container that was written is read back, alone and in a list") {
  ContainerInfo info = sample_container();
  CHECK(parse_docker_inspect(write_docker_inspect(info)).value() == info);
  const auto list = parse_docker_list(write_docker_list({info})).value();
  REQUIRE(list.size() == 1);
  info.pid = info.restart_count = 0;
  info.restart_policy = "";
  info.auto_remove = false;
  info.started_at = std::nullopt;
  info.memory_limit_bytes = std::nullopt;
  info.limits = {};
  CHECK(list[0] == info);
}

TEST_CASE("of an endpoint's settings only what somebody chose is kept") {
  const auto info = parse_docker_inspect(
      R"({"Id":"x","Name":"/web","State":{"Status":"exited","Pid":0,"ExitCode":137,"OOMKilled":true,"Error":"boom",
      "StartedAt":"0001-01-01T00:00:00Z","FinishedAt":"2030-01-02T03:04:05Z","Health":{"Status":"unhealthy"}},
      "Config":{"Image":"i","Labels":null},"HostConfig":{"NetworkMode":"n","Memory":0,"RestartPolicy":{"Name":""}},
      "NetworkSettings":{"Networks":{"n":{"IPAMConfig":null,"Aliases":["a","b"],"NetworkID":"zzz","Gateway":"1.2.3.4",
      "MacAddress":"02:42"}}},"SomethingNew":{"x":[1]}})");
  REQUIRE(info.has_value());
  CHECK(info->networks == std::map<std::string, std::string>{{"n", R"({"Aliases":["a","b"]})"}});
  CHECK(info->restart_policy == "no");
  CHECK(info->health == "unhealthy");
  CHECK(info->oom_killed);
  CHECK(info->error == "boom");
  CHECK(info->exit_code == 137);
  CHECK(info->started_at == std::nullopt);
  CHECK(info->finished_at == at("2030-01-02T03:04:05Z"));
  CHECK(info->memory_limit_bytes == std::nullopt);
}

TEST_CASE("an answer that does not fit names the place") {
  CHECK(parse_docker_inspect("{}").error().str() ==
        "the engine's answer (inspect): /Id: expected a string, got nothing");
  CHECK(parse_docker_list("{}").error().str() == "the engine's answer (list): expected an array");
  CHECK(parse_docker_list(R"([{"Id":"x","Names":"y"}])").error().str() ==
        "the engine's answer (list): /0/Names: expected an array, got string");
  CHECK(parse_docker_inspect("oops").error().code() == ErrorCode::kProtocol);
}

TEST_CASE("the list's own name, health and exit code are found among its texts") {
  const auto list = parse_docker_list(
      R"j([{"Id":"1","Names":["/web/db","/db"],"Image":"i","State":"exited","Status":"Exited (137) 2 hours ago"},
      {"Id":"2","Names":["/a"],"Image":"i","State":"running","Status":"Up 3 seconds (health: starting)"},
      {"Id":"3","Names":["/b"],"Image":"i","State":"running","Status":"Up 3 seconds (unhealthy)"}])j");
  REQUIRE(list.has_value());
  CHECK(list->at(0).name == "db");
  CHECK(list->at(0).exit_code == 137);
  CHECK(list->at(0).health == "none");
  CHECK(list->at(1).health == "starting");
  CHECK(list->at(2).health == "unhealthy");
}

struct StatsCase {
  std::string name, memory;
  std::uint64_t expected;
};

TEST_CASE("memory in use leaves out the file cache, in cgroup v1 and v2") {
  const auto c = GENERATE(values<StatsCase>({
      {"v1", R"({"usage":1000,"limit":5000,"stats":{"total_inactive_file":300,"inactive_file":1}})", 700},
      {"v2", R"({"usage":1000,"limit":5000,"stats":{"inactive_file":400}})", 600},
      {"more cache than usage", R"({"usage":1000,"limit":5000,"stats":{"inactive_file":4000}})", 1000},
      {"no detail", R"({"usage":1000,"limit":5000})", 1000},
  }));
  CAPTURE(c.name);
  const auto stats = parse_docker_stats(
      R"({"read":"2030-01-02T03:04:05Z","cpu_stats":{"cpu_usage":{"total_usage":2500000000}},"pids_stats":{"current":7},
      "memory_stats":)" +
      c.memory + "}");
  REQUIRE(stats.has_value());
  CHECK(*stats == ContainerStats{2.5, c.expected, 5000, 7});
}

TEST_CASE("stats of a container that does not run are a conflict") {
  const auto stats = parse_docker_stats(
      R"({"read":"0001-01-01T00:00:00Z","cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{},"pids_stats":{}})");
  REQUIRE_FALSE(stats.has_value());
  CHECK(stats.error().code() == ErrorCode::kConflict);
}

TEST_CASE("an event is read back, and others than a container's are left out") {
  const ContainerEvent event{at("2030-01-02T03:04:05.000000006Z"), "die", "id", "web", "nginx:1", {{"exitCode", "1"}}};
  CHECK(parse_docker_event(write_docker_event(event)).value() == event);
  CHECK(parse_docker_event(R"({"Type":"network","Action":"connect"})").value() == std::nullopt);
  CHECK(parse_docker_event("{").error().code() == ErrorCode::kProtocol);
}

struct ErrorCase {
  int status;
  std::string body;
  ErrorCode code;
  std::string message;
};

TEST_CASE("a refusal keeps the engine's words and gets the code that fits") {
  const auto c = GENERATE(values<ErrorCase>({
      {404, R"({"message":"No such container: x"})", ErrorCode::kNotFound,
       "the engine answers 404: No such container: x"},
      {409, R"({"message":"is not running"})", ErrorCode::kConflict, "the engine answers 409: is not running"},
      {403, R"({"message":"verb not allowed"})", ErrorCode::kRefused, "the engine answers 403: verb not allowed"},
      {403, R"({"message":"endpoint with name x already exists in network y"})", ErrorCode::kConflict,
       "the engine answers 403: endpoint with name x already exists in network y"},
      {500, R"({"message":"container x is not connected to network y"})", ErrorCode::kConflict,
       "the engine answers 500: container x is not connected to network y"},
      {500, R"({"message":"driver failed"})", ErrorCode::kInternal, "the engine answers 500: driver failed"},
      {503, "", ErrorCode::kUnavailable, "the engine answers 503: no reason given"},
      {401, "<html>\n</html>", ErrorCode::kUnauthorized, "the engine answers 401: <html>\\n</html>"},
      {301, "moved", ErrorCode::kProtocol, "the engine answers 301: moved"},
  }));
  const Error error = docker_error(c.status, c.body);
  CHECK(error.code() == c.code);
  CHECK(error.str() == c.message);
}

TEST_CASE("a log's frames are taken apart, a cut one as far as it goes") {
  const std::string log(
      "\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x04two\n\x01\0\0\0\0\0\0\x09"
      "cut",
      8 + 4 + 8 + 4 + 8 + 3);
  CHECK(demux_docker_log(log) == "one\ntwo\ncut");
  CHECK(demux_docker_log("abc").empty());
}

TEST_CASE("the last line's time is read") {
  CHECK(last_docker_log_time("2030-01-02T03:04:05.1Z a\n2030-01-02T03:04:06.2Z b c\n") == at("2030-01-02T03:04:06.2Z"));
  CHECK(last_docker_log_time("") == std::nullopt);
  CHECK(last_docker_log_time("no time here\n") == std::nullopt);
}

TEST_CASE("a container to create is read back, and names are checked") {
  ContainerSpec spec{"", "i:1", {"/a"}, {"b", "c"}, {{"l", "m"}}, "container:x", "host", {"NET_ADMIN"}, "0:0", false};
  CHECK(parse_docker_create(write_docker_create(spec)).value() == spec);
  CHECK(write_docker_connect("c", R"({"Aliases":["a"]})").value() ==
        R"({"Container":"c","EndpointConfig":{"Aliases":["a"]}})");
  CHECK(write_docker_connect("c", "[]").error().str() == "endpoint settings: expected an object, got array");
  CHECK(write_docker_disconnect("c") == R"({"Container":"c","Force":false})");
  for (const char* good : {"web", "a", "shop_web.1", "0-x"})
    CHECK(is_docker_name(good));
  for (const char* bad : {"", ".", "..", "-a", "a/b", "a b", "a%2f", "\xC3\xA4", "a\n"})
    CHECK_FALSE(is_docker_name(bad));
  CHECK(check_docker_name("a/b", "network").error().str() == "\"a/b\" cannot be a network's name or id");
}

TEST_CASE("API versions are compared by their minor number") {
  CHECK(docker_api_minor("1.41") == 41);
  CHECK(docker_api_minor("1.9") == 9);
  CHECK(docker_api_minor("2.0") == std::nullopt);
  CHECK(docker_api_minor("1.x") == std::nullopt);
  CHECK(docker_api_minor("") == std::nullopt);
  CHECK(parse_docker_version(R"({"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"})")->api == "1.41");
}

}  // namespace
}  // namespace heal
