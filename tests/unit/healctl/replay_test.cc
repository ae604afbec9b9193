#include "healctl/replay/replay.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

/// A service that remembers one incident: nginx hung, was restarted, and its alert resolved.
class ReplayBench {
 public:
  explicit ReplayBench(const std::string& mode, const std::string& name = "replay",
                       const std::string& engine = "local") {
    folder_ = std::filesystem::temp_directory_path() / (name + "-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_ / "playbooks");
    std::ofstream(folder_ / "heal.yml")
        << "version: 1\nengines: {" << engine << ": {unix: /run/docker.sock}}\n"
        << "alertmanagers: [{url: \"http://alertmanager:9093\"}]\n"
        << "routes: [{match: ['alertname=\"NginxDown\"'], playbook: restart-container, target: \"container/" << engine
        << "/{{ labels.container }}\"}]\n";
    std::ofstream(folder_ / "playbooks/restart.yml")
        << "version: 1\nplaybook: restart-container\nmode: " << mode
        << "\nsteps: [{name: go, docker.restart: {}}]\nverify: {all: [{check: health}]}\nescalate: [page]\n";
    bench.http.on("GET", std::string(Bench::kApi) + "/incidents*", [this](const HttpClientRequest& request) {
      const bool is_list = request.url.find("/incidents?") != std::string::npos;
      return HttpAnswer::of(200, is_list ? list_of({healed_incident()}) : story());
    });
  }
  ~ReplayBench() { std::filesystem::remove_all(folder_); }

  std::string heal_yml() const { return (folder_ / "heal.yml").string(); }
  Ran run(const std::vector<std::string>& more = {}) {
    std::vector<std::string> args{"replay", heal_yml()};
    args.insert(args.end(), more.begin(), more.end());
    return bench.run(args);
  }

  Bench bench;
  std::string source = "alertmanager";
  std::string decided = R"({"result":"allow","guard":"none"})";

 private:
  std::string story() const {
    const Incident incident = healed_incident();
    TimelineEntry decision;
    decision.at = *incident.times.decided_at;
    decision.incident_id = incident.id;
    decision.kind = "decision";
    decision.message = "every guard allows it";
    decision.data = decided;
    Episode episode;
    episode.key = incident.episode_keys.front();
    episode.source = source;
    episode.name = "NginxDown";
    episode.labels = {{"alertname", "NginxDown"}, {"container", "nginx"}};
    episode.received_at = *incident.times.detected_at;
    episode.resolved_at = *incident.times.detected_at + 20s;
    return story_of(incident, {decision}, {episode});
  }

  std::filesystem::path folder_;
};

TEST_CASE("what today's files decide as before is not told of") {
  ReplayBench replay("auto");
  CHECK(replay.run() == Ran{Exit::kDone, "", "0 of 1 decided otherwise; acted on 1 then, 1 now\n"});
}

TEST_CASE("what today's files decide otherwise is shown beside what was decided") {
  ReplayBench replay("shadow");
  const auto ran = replay.run();
  CHECK(ran.exit == Exit::kLint);
  CHECK(ran.err == "1 of 1 decided otherwise; acted on 1 then, 0 now\n");
  CHECK(ran.out == R"(AT                    TARGET                 ALERT      THEN                      NOW
2030-01-02T03:03:05Z  container/local/nginx  NginxDown  restart-container: allow  restart-container: shadow mode
)");
  const auto json = parse_json(replay.run({"-o", "json"}).out);
  REQUIRE(json);
  CHECK((*json)["decided_otherwise"] == 1);
}

TEST_CASE("what a container's group decided cannot be told from the record, and is no difference") {
  ReplayBench replay("auto");
  replay.decided = R"({"result":"hold","guard":"population"})";
  const auto ran = replay.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.err == "0 of 1 decided otherwise, 1 cannot be told; acted on 1 then, 1 now\n");
  CHECK(ran.out.find("cannot be told") != std::string::npos);
}

TEST_CASE("what only a schedule saw is left out") {
  ReplayBench replay("auto");
  replay.source = "schedule";
  CHECK(replay.run() == Ran{Exit::kDone, "", "there is nothing to replay\n"});
}

TEST_CASE("a store's file is replayed as the service's record is") {
  ReplayBench replay("shadow");
  replay.bench.read_stories = [](const std::string& file, WallTime since, std::size_t limit) {
    CHECK(file == "heal-backup.db");
    CHECK(since == FakeClock::kStart - 7 * 24h);
    CHECK(limit == 201);
    const Incident incident = healed_incident();
    TimelineEntry decision;
    decision.incident_id = incident.id;
    decision.kind = "decision";
    decision.data = R"({"result":"allow","guard":"none"})";
    Episode episode;
    episode.source = "alertmanager";
    episode.labels = {{"alertname", "NginxDown"}, {"container", "nginx"}};
    episode.received_at = *incident.times.detected_at;
    return Result<std::vector<StoredStory>>({{incident, {decision}, {episode}}});
  };
  const auto ran = replay.run({"--file", "heal-backup.db"});
  CHECK(ran.exit == Exit::kLint);
  CHECK(ran.err == "1 of 1 decided otherwise; acted on 1 then, 0 now\n");
  replay.bench.read_stories = [](const auto&, auto, auto) -> Result<std::vector<StoredStory>> {
    return make_error(ErrorCode::kNotFound, "heal-backup.db: no such file");
  };
  CHECK(replay.run({"--file", "heal-backup.db"}) ==
        Ran{Exit::kUnreachable, "", "healctl: error: heal-backup.db: no such file\n"});
  CHECK(replay.run({"--file", "a", "--prometheus", "http://p"}).exit == Exit::kUsage);
  CHECK(replay.run({"--until", "8d"}).exit == Exit::kUsage);
}

/// What Prometheus answers: nginx was down for three samples, and once more an hour later; the Watchdog always fires.
std::string alerts_of_the_day() {
  const auto second = [](Duration ago) {
    return std::chrono::duration_cast<std::chrono::seconds>((FakeClock::kStart - ago).time_since_epoch()).count();
  };
  const auto sample = [&](Duration ago) { return Json::array({second(ago), "1"}); };
  const auto series = [](Json labels, Json values) {
    labels["__name__"] = "ALERTS";
    labels["alertstate"] = "firing";
    return Json{{"metric", std::move(labels)}, {"values", std::move(values)}};
  };
  const Json values = Json::array({sample(2h), sample(2h - 15s), sample(2h - 30s), sample(1h)});
  const Json later = Json::array({sample(2h - 30s)});
  return Json{{"status", "success"},
              {"data",
               {{"resultType", "matrix"},
                {"result",
                 {series({{"alertname", "NginxDown"}, {"container", "nginx"}}, values),
                  series({{"alertname", "NginxServiceUnhealthy"}, {"container", "nginx"}}, later),
                  series({{"alertname", "Watchdog"}}, values),
                  series({{"alertname", "DiskFillingUp"}, {"mountpoint", "/"}}, later)}}}}}
      .dump();
}

TEST_CASE("alerts that Prometheus remembers are played through a policy, and through two") {
  ReplayBench replay("auto");
  std::vector<std::string> asked;
  replay.bench.http.on("GET", "http://prom:9090/*", [&](const HttpClientRequest& request) {
    asked.push_back(request.url);
    return HttpAnswer::of(200, alerts_of_the_day());
  });
  auto ran = replay.run({"--prometheus", "http://prom:9090", "--since", "1d"});
  CHECK(asked == std::vector<std::string>{
                     "http://prom:9090/api/v1/query_range?query=ALERTS%7Balertstate%3D%22firing%22%7D&start=1893467045"
                     "&end=1893553445&step=15"});
  CHECK(ran.out == R"(AT                    TARGET                 ALERT          NOW
2030-01-02T01:04:05Z  container/local/nginx  NginxDown      restart-container: allow
2030-01-02T01:04:35Z  -                      DiskFillingUp  unmatched route
2030-01-02T02:04:05Z  container/local/nginx  NginxDown      restart-container: allow
)");
  CHECK(ran.err == "3 troubles, acted on 2\n");
  CHECK(ran.exit == Exit::kDone);

  ran = replay.run({"--prometheus", "http://prom:9090", "--since", "1d", "--limit", "1"});
  CHECK(ran.err == "only the newest 1: --limit gives more\n1 trouble, acted on 1\n");
  CHECK_THAT(ran.out, Catch::Contains("2030-01-02T02:04:05Z") && !Catch::Contains("2030-01-02T01:"));

  const ReplayBench other("shadow", "other");
  ran = replay.run({"--prometheus", "http://prom:9090", "--since", "1d", "--against", other.heal_yml()});
  CHECK(ran.exit == Exit::kLint);
  CHECK(ran.err == "2 of 3 decided otherwise; acted on 0 then, 2 now\n");
  CHECK(ran.out == R"(AT                    TARGET                 ALERT      THEN                            NOW
2030-01-02T01:04:05Z  container/local/nginx  NginxDown  restart-container: shadow mode  restart-container: allow
2030-01-02T02:04:05Z  container/local/nginx  NginxDown  restart-container: shadow mode  restart-container: allow
)");
}

TEST_CASE("an alert's container is of the only engine, whatever its name is") {
  ReplayBench replay("auto", "replay", "main");
  replay.bench.http.on("GET", "http://prom:9090/*",
                       [](const auto&) { return HttpAnswer::of(200, alerts_of_the_day()); });
  const auto ran = replay.run({"--prometheus", "http://prom:9090", "--since", "1d"});
  CHECK(ran.err == "3 troubles, acted on 2\n");
  CHECK_THAT(ran.out, Catch::Contains("container/main/nginx"));
}

TEST_CASE("an incident of an engine that heal.yml has not is left out, and that is said") {
  ReplayBench replay("shadow", "replay", "main");
  auto ran = replay.run({});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.err == replay.heal_yml() +
                       ": there is no engine \"local\": 1 left out\n"
                       "0 of 1 decided otherwise, 1 cannot be told; acted on 1 then, 0 now\n");
  CHECK_THAT(ran.out, Catch::Contains("restart-container: allow  cannot be told"));

  // Also when only the other heal.yml has not: nothing can be said of a difference.
  ReplayBench both("auto", "both");
  ran = both.run({"--against", replay.heal_yml()});
  CHECK(ran.exit == Exit::kDone);
  CHECK_THAT(ran.err, Catch::EndsWith("0 of 1 decided otherwise, 1 cannot be told; acted on 0 then, 1 now\n"));
}

TEST_CASE("an alert is compared with what came of its container, and one of no container with what has its name") {
  const WallTime then = FakeClock::kStart;
  const auto story_about = [&](const std::string& name, const Labels& labels) {
    Story story;
    story.incident.name = name;
    story.incident.times.detected_at = then;
    Episode episode;
    episode.source = "alertmanager";
    episode.labels = labels;
    episode.received_at = then;
    story.episodes = {episode};
    return story;
  };
  const auto seen_as = [&](const std::string& name, const std::string& target, const std::string& decision) {
    rehearsal::ObservedIncident seen;
    seen.alert = name;
    seen.target = target;
    seen.decisions = {decision};
    seen.times["detected"] = 0s;
    return seen;
  };
  const auto rows = compare_replay(
      {story_about("Slow", {{"container", "web"}}), story_about("DiskFull", {}), story_about("HostDown", {})},
      {"local"}, then,
      {seen_as("HostDown", "", "unmatched route"), seen_as("Slow", "container/local/other", "hold pauses"),
       seen_as("Broken", "container/local/web", "allow"), seen_as("DiskFull", "", "unmatched inventory")});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].now == "allow");
  CHECK(rows[1].now == "unmatched inventory");
  CHECK(rows[2].now == "unmatched route");
}

TEST_CASE("a long time is asked of Prometheus piece by piece, and an answer that is none is told") {
  ReplayBench replay("auto");
  std::size_t asked = 0;
  replay.bench.http.on("GET", "http://prom:9090/*", [&](const HttpClientRequest&) {
    ++asked;
    return HttpAnswer::of(200, R"({"status":"success","data":{"resultType":"matrix","result":[]}})");
  });
  CHECK(replay.run({"--prometheus", "http://prom:9090"}) == Ran{Exit::kDone, "", "there is nothing to replay\n"});
  CHECK(asked == 5);
  replay.bench.http.on("GET", "http://prom:9090/*",
                       [](const auto&) { return HttpAnswer::of(200, R"({"status":"success","data":{}})"); });
  CHECK(replay.run({"--prometheus", "http://prom:9090"}).exit == Exit::kUnreachable);
}

TEST_CASE("a Prometheus that cannot be asked is named, and so is what is none") {
  ReplayBench replay("auto");
  const auto asked = [&](const HttpAnswer& answer) {
    replay.bench.http.on("GET", "http://prom:9090/*", [answer](const auto&) { return answer; });
    return replay.run({"--prometheus", "http://prom:9090/", "--since", "1d"});
  };
  CHECK(asked(HttpAnswer::failing(make_error(ErrorCode::kUnreachable, "connection refused"))) ==
        Ran{Exit::kUnreachable, "", "healctl: error: Prometheus at http://prom:9090: connection refused\n"});
  const auto page = asked(HttpAnswer::of(502, "<html>no</html>"));
  CHECK(page.exit == Exit::kUnreachable);
  CHECK(page.err.starts_with("healctl: error: 502 of http://prom:9090: Prometheus' answer: "));
  const auto wrong = replay.run({"--prometheus", "prom:9090"});
  CHECK(wrong.exit == Exit::kUsage);
  CHECK(wrong.err.starts_with("healctl: error: option \"--prometheus\": "));
}

TEST_CASE("without a record there is nothing to replay") {
  ReplayBench replay("auto");
  replay.bench.http.on("GET", std::string(Bench::kApi) + "/incidents*",
                       [](const auto&) { return HttpAnswer::of(200, list_of({})); });
  CHECK(replay.run() == Ran{Exit::kDone, "", "there is nothing to replay\n"});
}

}  // namespace
}  // namespace heal::ctl
