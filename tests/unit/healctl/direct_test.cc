// `--direct`: how the keeper of the faults folder is found or begun, and what it does.

#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/failing_store.h"
#include "common/sim/memory_store.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_fault_holders.h"
#include "common/sim/sim_host_processes.h"
#include "common/system/curl_http_client.h"
#include "common/system/system_clock.h"
#include "common/wire/json.h"
#include "heal_version.h"
#include "healctl/direct/keeper.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

const std::string kWeb = "container/local/web";
const std::string kKeeperApi = "http://keeper/api/v1";
const KeeperSettings kDefaults{"unix:///var/run/docker.sock", "", "promheal:local", "http://localhost:9093"};

/// What `healctl … --direct` meets: a keeper that answers `who`, or nobody, and a way to begin one.
struct KeeperBench : Bench {
  KeeperBench() {
    environment["HOME"] = "/ada";
    direct.hold_folder = [this](const std::string& folder, Deadline, std::stop_token) -> Result<std::shared_ptr<void>> {
      folders.push_back(folder);
      return folder_answer ? Result<std::shared_ptr<void>>(nullptr)
                           : Result<std::shared_ptr<void>>(folder_answer.error());
    };
    direct.start_keeper = [this](const std::string&, const KeeperSettings& settings, Deadline, std::stop_token) {
      begun.push_back(settings);
      return begin();
    };
    http.on("GET", kKeeperApi + "/faults", HttpAnswer::of(200, R"({"faults": []})"));
  }
  void lives(const KeeperSettings& settings, const std::string& version = kVersion) {
    http.on("GET", kKeeperApi + "/keeper",
            HttpAnswer::of(200, dump(Json{{"version", version}, {"pid", 7}, {"settings", to_json(settings)}})));
  }

  std::vector<std::string> folders;
  std::vector<KeeperSettings> begun;
  Status folder_answer;
  std::function<Status()> begin = [this]() -> Status {
    lives(begun.back());
    return {};
  };
};

TEST_CASE("--direct begins a keeper where none lives, and asks it alone") {
  const test::TempFolder folder;
  const std::string password = folder.write("password", "secret\n");
  KeeperBench bench;
  REQUIRE(bench.run({"faults", "list", "--direct", "--user", "ada", "--password-file", password}) ==
          Ran{Exit::kDone, "", "no faults\n"});
  CHECK(bench.folders == std::vector<std::string>{"/ada/.local/state/promheal/faults"});
  CHECK(bench.begun == std::vector<KeeperSettings>{kDefaults});
  const HttpClientRequest asked = bench.last_request();
  CHECK(asked.url == kKeeperApi + "/faults");
  CHECK(asked.unix_socket == "/ada/.local/state/promheal/faults/socket");
  CHECK(!asked.basic_auth);

  CHECK(bench.run({"faults", "list", "--direct"}).exit == Exit::kDone);
  CHECK(bench.begun.size() == 1);
}

TEST_CASE("the faults folder and the engine are those that are named, wherever that is") {
  KeeperBench bench;
  bench.environment["XDG_STATE_HOME"] = "/state";
  bench.environment["DOCKER_HOST"] = "tcp://engine:2376";
  bench.environment["DOCKER_TLS_VERIFY"] = "1";
  CHECK(bench.run({"faults", "list", "--direct"}).exit == Exit::kDone);
  CHECK(bench.folders.back() == "/state/promheal/faults");
  CHECK(bench.begun.back() ==
        KeeperSettings{"tcp://engine:2376", "/ada/.docker", "promheal:local", "http://localhost:9093"});
  KeeperBench other;
  CHECK(other
            .run({"faults", "list", "--direct", "--state-dir", "/f", "--docker-host", "unix:///run/d.sock",
                  "--helper-image", "ours:2", "--alertmanager", "http://am:9093"})
            .exit == Exit::kDone);
  CHECK(other.folders.back() == "/f");
  CHECK(other.begun.back() == KeeperSettings{"unix:///run/d.sock", "", "ours:2", "http://am:9093"});
}

TEST_CASE("what cannot be meant is said before anything is begun") {
  struct Case {
    std::vector<std::string> args;
    Exit exit;
    const char* complaint;
  };
  const auto c = GENERATE(values<Case>({
      {{"faults", "list", "--state-dir", "/f"},
       Exit::kUsage,
       "--state-dir, --docker-host, --helper-image and --alertmanager go with --direct"},
      {{"faults", "list", "--direct", "--state-dir", "f"}, Exit::kFailed, "the faults folder f is no full path"},
      {{"faults", "list", "--direct", "--docker-host", "ssh://box"},
       Exit::kFailed,
       "--docker-host: expected unix:///path or tcp://host:port, not \"ssh://box\""},
      {{"faults", "list", "--direct", "--alertmanager", "am"}, Exit::kFailed, "--alertmanager: "},
  }));
  CAPTURE(c.complaint);
  KeeperBench bench;
  const Ran ran = bench.run(c.args);
  CHECK(ran.exit == c.exit);
  CHECK(ran.err.find(c.complaint) != std::string::npos);
  CHECK(bench.begun.empty());
  CHECK(bench.http.requests().empty());
}

TEST_CASE("a folder that is not ours, and a keeper that cannot begin, are complained of") {
  KeeperBench bench;
  bench.folder_answer = make_error(ErrorCode::kRefused, "/f belongs to user 7, and this is user 0");
  CHECK(bench.run({"simulate-down", kWeb, "--direct"}) ==
        Ran{Exit::kRefused, "", "healctl: error: /f belongs to user 7, and this is user 0\n"});
  KeeperBench broken;
  broken.begin = [] { return make_error(ErrorCode::kStorage, "heal.db is damaged"); };
  CHECK(broken.run({"simulate-down", kWeb, "--direct"}) ==
        Ran{Exit::kUnreachable, "", "healctl: error: heal.db is damaged\n"});
}

TEST_CASE("a keeper that another process is about to be is waited for") {
  KeeperBench bench;
  bench.begin = [&bench]() -> Status {
    if (bench.begun.size() == 3) bench.lives(kDefaults);
    return make_error(ErrorCode::kConflict, "is in use by process 7");
  };
  CHECK(bench.run({"faults", "list", "--direct"}).exit == Exit::kDone);
  KeeperBench never;
  never.begin = [] { return make_error(ErrorCode::kConflict, "is in use by process 7"); };
  CHECK(never.run({"faults", "list", "--direct"}) ==
        Ran{Exit::kRefused, "", "healctl: error: is in use by process 7\n"});
}

TEST_CASE("a keeper of another version, or of another engine, is left alone") {
  KeeperBench newer;
  newer.lives(kDefaults, "9.9");
  CHECK(newer.run({"simulate-down", kWeb, "--direct"}) ==
        Ran{Exit::kRefused, "",
            fmt::format("healctl: error: the keeper of the faults there is of version 9.9, and this is {}: use that "
                        "version's healctl, or wait until its faults are over\n",
                        kVersion)});
  KeeperBench elsewhere;
  KeeperSettings remote = kDefaults;
  remote.docker_host = "tcp://engine:2376";
  elsewhere.lives(remote);
  const std::string said =
      "healctl: error: the faults that are held there are of Docker host \"tcp://engine:2376\", not "
      "\"unix:///var/run/docker.sock\": end them first, or name another --state-dir\n";
  CHECK(elsewhere.run({"simulate-down", kWeb, "--direct"}) == Ran{Exit::kRefused, "", said});
  CHECK(elsewhere.last_request().url == kKeeperApi + "/keeper");
  // To look at them, and to end them, nobody has to know what they were begun with.
  CHECK(elsewhere.run({"faults", "list", "--direct"}).exit == Exit::kDone);
  CHECK(elsewhere.run({"faults", "list", "--direct", "--docker-host", kDefaults.docker_host}) ==
        Ran{Exit::kRefused, "", said});
}

/// Keepers in this process, one after another on one ledger, with a simulated engine; healctl talks to them through
/// the real socket.
class KeeperSite {
 public:
  KeeperSite() {
    SimContainer web;
    web.name = "web";
    web.labels = {{"heal.simulate", "allow"}};
    engine->add(web);
    SimContainer other;
    other.name = "other";
    engine->add(other);
    bench.environment["HOME"] = folder.path().string();
  }
  ~KeeperSite() { end(); }
  KeeperSite(const KeeperSite&) = delete;
  KeeperSite& operator=(const KeeperSite&) = delete;

  /// Each in its own time: the keeper's stands still.
  Ran run(std::vector<std::string> args) {
    args.insert(args.end(), {"--direct", "--state-dir", folder.path().string()});
    DirectPorts direct;
    direct.hold_folder = [](const std::string&, Deadline, std::stop_token) { return std::shared_ptr<void>(); };
    direct.start_keeper = [this](const std::string&, const KeeperSettings& settings, Deadline, std::stop_token) {
      return begin(settings);
    };
    std::ostringstream out, err;
    Program program(Ports{real_clock, http, {}, {}, {}, {}, {}, direct}, Console{out, err, 0, 0}, bench.environment);
    const Exit exit = program.run(args, {});
    return {exit, out.str(), err.str()};
  }
  Status begin(const KeeperSettings& settings) {
    ++begun;
    const auto world = [this](const KeeperSettings& used) {
      worlds.push_back(used);
      return KeeperWorld{engine, std::make_shared<SimHostProcesses>(*engine), alertmanager,
                         [this](const std::string& image, Deadline) -> Status {
                           if (has_image) return {};
                           return make_error(ErrorCode::kNotFound, "no image {}", image);
                         }};
    };
    HEAL_TRY(keeper, FaultKeeper::open({*store, clock, random, world, "", [this] { return is_lost.load(); }, 7},
                                       settings, keeper_socket(folder.path().string()), Logger::none()));
    thread = std::jthread([this](std::stop_token stop) {
      left_nothing = keeper->run(stop);
      has_ended = true;
    });
    return {};
  }
  /// As a SIGTERM.
  void end() {
    thread = {};
    keeper.reset();
  }
  std::string status() { return engine->inspect("web", clock.deadline_in(10s), {}).value().status; }
  Json faults() { return parse_json(run({"faults", "list", "--all", "-o", "json"}).out).value().at("faults"); }
  /// Looks until it holds; false when it does not within a minute.
  bool comes(const std::function<bool()>& holds) {
    const Deadline deadline = real_clock.deadline_in(60s);
    while (!holds()) {
      if (real_clock.steady_now() > deadline) return false;
      (void)real_clock.sleep_for(1ms, {});
    }
    return true;
  }

  SystemClock real_clock;
  CurlHttpClient http;
  FakeClock clock;
  std::shared_ptr<SimContainerEngine> engine = std::make_shared<SimContainerEngine>(clock);
  SimFaultHolders holders{*engine, clock};
  std::shared_ptr<SimAlertmanagerApi> alertmanager = std::make_shared<SimAlertmanagerApi>(clock);
  SequenceRandom random;
  std::shared_ptr<FailingStore> store = std::make_shared<FailingStore>(std::make_shared<MemoryStore>());
  test::TempFolder folder;
  Bench bench;
  int begun = 0;
  bool has_image = true;
  std::vector<KeeperSettings> worlds;
  std::atomic<bool> is_lost = false, has_ended = false, left_nothing = false;
  std::unique_ptr<FaultKeeper> keeper;
  std::jthread thread;
};

TEST_CASE("a fault without a service is injected, listed and ended with the service's words") {
  KeeperSite site;
  const Ran down = site.run({"simulate-down", kWeb, "--fault", "pause"});
  CHECK(down.exit == Exit::kDone);
  CHECK(down.out.find("pause of container/local/web, undone at 2030-01-02T03:05:05Z\n") != std::string::npos);
  CHECK(down.err == "\"healctl simulate-up container/local/web --direct\" ends it sooner\n");
  CHECK(site.status() == "paused");
  REQUIRE(site.faults().size() == 1);
  CHECK(site.faults()[0].at("owner") == "ada");
  CHECK(site.faults()[0].at("state") == "applied");
  const Ran second = site.run({"simulate-down", kWeb, "--fault", "kill"});
  CHECK(second.exit == Exit::kRefused);
  CHECK(second.err.find("(pause) is on container/local/web already") != std::string::npos);
  CHECK(site.run({"simulate-up", kWeb}).exit == Exit::kDone);
  CHECK(site.status() == "running");
  CHECK(site.faults()[0].at("state") == "reverted");
  CHECK(site.run({"simulate-up", kWeb}) == Ran{Exit::kDone, "", "no fault is active there\n"});
  CHECK(site.begun == 1);
}

TEST_CASE("a dry run without a service only checks, and what may not be broken is refused") {
  KeeperSite site;
  CHECK(site.run({"simulate-down", kWeb, "--dry-run"}) ==
        Ran{Exit::kDone, "would stop container/local/web for 1m\n", ""});
  const Ran refused = site.run({"simulate-down", "container/local/other"});
  CHECK(refused ==
        Ran{Exit::kRefused, "",
            "healctl: error: POST http://keeper/api/v1/faults: container other may not be broken: it has no label "
            "heal.simulate=allow\n"});
  CHECK(site.status() == "running");
  CHECK(site.faults().empty());
  CHECK(site.run({"faults", "revert", "01J8ZQ4T9M5V6W7X8Y9ZABCDEF"}).exit == Exit::kFailed);
}

TEST_CASE("a holder's image that the engine lacks is found before a lease is written") {
  KeeperSite site;
  site.has_image = false;
  CHECK(
      site.run({"simulate-down", kWeb, "--fault", "cpu"}) ==
      Ran{Exit::kFailed, "",
          "healctl: error: POST http://keeper/api/v1/faults: fault cpu needs a holder in a container of promheal's own "
          "image (--helper-image): no image promheal:local\n"});
  CHECK(site.faults().empty());
  CHECK(site.run({"simulate-down", kWeb, "--fault", "pause"}).exit == Exit::kDone);
}

TEST_CASE("a keeper undoes at the deadline, and ends when it has had nothing to do for a while") {
  KeeperSite site;
  REQUIRE(site.run({"simulate-down", kWeb, "--fault", "pause", "--for", "30s"}).exit == Exit::kDone);
  site.clock.advance(30s);
  CHECK(site.comes([&] { return site.status() == "running"; }));
  CHECK_FALSE(site.has_ended);
  CHECK(site.comes([&] {
    site.clock.advance(500ms);
    return site.has_ended.load();
  }));
  CHECK(site.left_nothing);
  CHECK(site.store->leases().value()[0].state == FaultLease::State::kReverted);
}

TEST_CASE("a keeper that is told to end undoes all first") {
  KeeperSite site;
  REQUIRE(site.run({"simulate-down", kWeb, "--fault", "pause"}).exit == Exit::kDone);
  site.end();
  CHECK(site.left_nothing);
  CHECK(site.status() == "running");
}

TEST_CASE("the next keeper takes the faults over, with the settings that they were begun with") {
  KeeperSite site;
  FaultLease left;
  left.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEF";
  left.kind = "pause";
  left.target = {"container", "local", "web"};
  left.state = FaultLease::State::kApplied;
  left.injected_at = site.clock.now();
  left.deadline = site.clock.now() + 40s;
  KeeperSettings before = kDefaults;
  before.docker_host = "unix:///elsewhere.sock";
  REQUIRE(site.store->commit({PutLease{left}, PutValue{"direct/settings", dump(to_json(before))}}));
  CHECK(site.faults().size() == 1);
  CHECK(site.worlds == std::vector<KeeperSettings>{before});
  CHECK(site.run({"simulate-down", kWeb}).err.find("of Docker host \"unix:///elsewhere.sock\"") != std::string::npos);
}

TEST_CASE("a keeper that begins forgets the faults that were undone a month ago, and nothing that is left to undo") {
  KeeperSite site;
  const auto lease = [&](const std::string& id, FaultLease::State state, Duration ago) {
    FaultLease out;
    out.id = id;
    out.kind = "pause";
    out.target = {"container", "local", "other"};
    out.state = state;
    out.injected_at = site.clock.now() - ago;
    out.deadline = out.injected_at + 1min;
    return out;
  };
  using State = FaultLease::State;
  const auto told = [&](const std::string& text) {
    return TimelineEntry{0, site.clock.now() - 31 * 24h, "", "fault", text, "{}"};
  };
  REQUIRE(site.store->commit({PutLease{lease("01J8ZQ4T9M5V6W7X8Y9ZABCDE1", State::kReverted, 31 * 24h)},
                              PutLease{lease("01J8ZQ4T9M5V6W7X8Y9ZABCDE2", State::kReverted, 29 * 24h)},
                              PutLease{lease("01J8ZQ4T9M5V6W7X8Y9ZABCDE3", State::kRevertFailed, 40 * 24h)},
                              AppendEntry{told("injected")}, AppendEntry{told("reverted")}}));
  std::vector<std::string> ids;
  const Json faults = site.faults();
  for (const Json& fault : faults)
    ids.push_back(fault.at("id"));
  CHECK(ids == std::vector<std::string>{"01J8ZQ4T9M5V6W7X8Y9ZABCDE3", "01J8ZQ4T9M5V6W7X8Y9ZABCDE2"});
  const auto entries = site.store->entries_after(0, 100).value();
  for (const TimelineEntry& entry : entries)
    CHECK(entry.message != "injected");
  CHECK(site.store->check_journal().value().first_altered == std::nullopt);
}

TEST_CASE("a keeper whose ledger was removed still undoes at the deadline, and ends") {
  KeeperSite site;
  REQUIRE(site.run({"simulate-down", kWeb, "--fault", "pause", "--for", "30s"}).exit == Exit::kDone);
  site.store->fail_all(make_error(ErrorCode::kStorage, "heal.db was removed"));
  site.is_lost = true;
  CHECK(site.comes([&] {
    site.clock.advance(500ms);
    return site.has_ended.load();
  }));
  CHECK(site.left_nothing);
  CHECK(site.status() == "running");
}

}  // namespace
}  // namespace heal::ctl
