// `healctl … --direct` as it is, on a real engine: faults without a service, and what becomes of them when the
// processes that hold them are killed and their folder is lost.

#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/small_file.h"
#include "common/base/text.h"
#include "common/system/curl_http_client.h"
#include "common/system/http_alertmanager_api.h"
#include "common/wire/json.h"
#include "heal_test_paths.h"
#include "tests/contract/fault/docker_tools.h"
#include "tests/contract/ports/daemon.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::fault {
namespace {

namespace fs = std::filesystem;
using test::BareVictim;

struct Said {
  int exit = -1;
  std::string out, err;
};

/// Field `index` of /proc/PID/stat, counted as in proc(5); "" when there is no such process.
std::string stat_field(pid_t pid, int index) {
  const std::string text = read_small_file(fmt::format("/proc/{}/stat", pid));
  if (text.empty()) return "";
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= index && rest >> field; ++i) {
  }
  return field;
}

bool is_alive(pid_t pid) {
  const std::string state = stat_field(pid, 3);
  return !state.empty() && state != "Z" && state != "X";
}

/// The real healctl, with a faults folder of this test; its keeper is ended with it.
class Direct {
 public:
  Direct() = default;
  ~Direct() {
    for (const pid_t pid : {watcher(), keeper()}) {
      if (pid > 1) ::kill(pid, SIGKILL);
    }
  }
  Direct(const Direct&) = delete;
  Direct& operator=(const Direct&) = delete;

  pid_t begin(std::vector<std::string> args) {
    args.insert(args.begin(), HEAL_BIN_DIR "/healctl");
    args.insert(args.end(), {"--direct", "--state-dir", folder(), "--helper-image", image});
    args.insert(args.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& each : args)
      argv.push_back(each.data());
    argv.push_back(nullptr);
    const std::string out = temp_.file("out"), err = temp_.file("err");
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    return pid;
  }
  Said run(std::vector<std::string> args) {
    int status = 0;
    ::waitpid(begin(std::move(args)), &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_small_file(temp_.file("out")),
            read_small_file(temp_.file("err"))};
  }
  /// The faults, as a keeper tells of them.
  Json faults() { return parse_json(run({"faults", "list", "--all", "-o", "json"}).out).value().at("faults"); }
  std::string only_state() {
    const Json all = faults();
    return all.size() == 1 ? all[0].at("state").get<std::string>() : fmt::format("{} faults", all.size());
  }

  std::string image = test::bare_image();
  std::vector<std::string> more;  ///< options of all commands
  std::string folder() const { return temp_.file("faults"); }
  std::string ledger() const { return folder() + "/ledger"; }
  /// Who holds the ledger; 0 when nobody ever did.
  pid_t keeper() const {
    const auto pid = parse_int(trim(read_small_file(ledger() + "/lock")));
    return pid ? static_cast<pid_t>(*pid) : 0;
  }
  /// Who begins it anew; 0 when that one is dead.
  pid_t watcher() const {
    const auto parent = parse_int(stat_field(keeper(), 4));
    if (!parent || *parent <= 1 || *parent == ::getpid()) return 0;
    const auto pid = static_cast<pid_t>(*parent);
    const bool is_ours = read_small_file(fmt::format("/proc/{}/cmdline", pid)).find(folder()) != std::string::npos;
    return is_ours ? pid : 0;
  }

 private:
  const heal::test::TempFolder temp_;
};

bool is_broken(BareVictim& victim, const std::string& kind) {
  if (kind == "pause") return victim.look().status == "paused";
  return victim.engine->stats(victim.name(), victim.soon(), {}).value().pids > 1;
}

TEST_CASE("a fault without a service outlives healctl, killed while it waits, until its deadline") {
  test::need_engine();
  const auto kind = GENERATE(as<std::string>(), "pause", "cpu");
  CAPTURE(kind);
  BareVictim victim({});
  Direct direct;
  const pid_t healctl = direct.begin({"simulate-down", victim.target().str(), "--fault", kind, "--for", "6s"});
  CHECK(victim.comes([&] { return is_broken(victim, kind); }));
  ::kill(healctl, SIGKILL);
  ::waitpid(healctl, nullptr, 0);
  CHECK(victim.comes([&] { return !is_broken(victim, kind); }));
  CHECK(victim.comes([&] { return direct.only_state() == "reverted"; }));
  CHECK(victim.look().running());
}

TEST_CASE("a keeper has nothing of whoever began it, and ends when nothing is left to hold") {
  test::need_engine();
  BareVictim victim({});
  Direct direct;
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  REQUIRE(direct.run({"simulate-down", victim.target().str(), "--fault", "pause"}).exit == 0);
  const pid_t keeper = direct.keeper(), watcher = direct.watcher();
  REQUIRE(watcher > 1);
  ::close(ends[1]);
  pollfd inherited{ends[0], POLLIN, 0};
  CHECK(::poll(&inherited, 1, 0) == 1);  // the end: nobody else has the other side
  ::close(ends[0]);
  for (const pid_t pid : {keeper, watcher}) {
    CAPTURE(pid);
    CHECK(stat_field(pid, 6) == std::to_string(pid));  // a session of its own
    CHECK(stat_field(pid, 7) == "0");                  // without a terminal
    ::kill(pid, SIGHUP);
  }
  CHECK(direct.run({"simulate-up", victim.target().str()}).exit == 0);
  CHECK(victim.look().running());
  CHECK(direct.keeper() == keeper);
  CHECK(victim.comes([&] { return !is_alive(keeper) && !is_alive(watcher); }));
}

TEST_CASE("of a keeper and who watches it, one can be killed") {
  test::need_engine();
  const bool is_watcher = GENERATE(false, true);
  CAPTURE(is_watcher);
  BareVictim victim({});
  Direct direct;
  REQUIRE(direct.run({"simulate-down", victim.target().str(), "--fault", "pause", "--for", "5s"}).exit == 0);
  const pid_t keeper = direct.keeper(), watcher = direct.watcher();
  REQUIRE(watcher > 1);
  ::kill(is_watcher ? watcher : keeper, SIGKILL);
  // Nobody asks for anything: whoever is left does it.
  CHECK(victim.comes([&] { return victim.look().running() && victim.look().status != "paused"; }));
  CHECK(is_alive(is_watcher ? keeper : watcher));
  CHECK((direct.keeper() == keeper) == is_watcher);
  CHECK(victim.comes([&] { return direct.only_state() == "reverted"; }));
}

TEST_CASE("when both were killed the next command takes the faults over, whatever it is") {
  test::need_engine();
  BareVictim victim({});
  Direct direct;
  REQUIRE(direct.run({"simulate-down", victim.target().str(), "--fault", "pause", "--for", "8s"}).exit == 0);
  const pid_t keeper = direct.keeper(), watcher = direct.watcher();
  REQUIRE(keeper > 1);
  REQUIRE(watcher > 1);
  ::kill(watcher, SIGKILL);
  ::kill(keeper, SIGKILL);
  CHECK(victim.comes([&] { return !is_alive(keeper); }));
  CHECK(victim.comes([&] { return direct.only_state() == "reverted"; }));
  CHECK(victim.look().running());
  CHECK(victim.look().status == "running");
  CHECK(direct.keeper() != keeper);
}

TEST_CASE("a shutdown, which tells both to end, undoes all first") {
  test::need_engine();
  BareVictim victim({});
  Direct direct;
  REQUIRE(direct.run({"simulate-down", victim.target().str(), "--fault", "pause"}).exit == 0);
  const pid_t keeper = direct.keeper(), watcher = direct.watcher();
  REQUIRE(watcher > 1);
  ::kill(watcher, SIGTERM);
  ::kill(keeper, SIGTERM);
  CHECK(victim.comes([&] { return !is_alive(keeper) && !is_alive(watcher); }));
  CHECK(victim.look().status == "running");
}

TEST_CASE("two commands at once begin one keeper") {
  test::need_engine();
  BareVictim first({}), second({}, "-b");
  Direct direct;
  const pid_t one = direct.begin({"simulate-down", first.target().str(), "--fault", "pause"});
  const pid_t other = direct.begin({"simulate-down", second.target().str(), "--fault", "pause"});
  for (const pid_t pid : {one, other}) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    CHECK(status == 0);
  }
  CHECK(direct.faults().size() == 2);
  CHECK(direct.run({"faults", "revert", "--all"}).exit == 0);
  CHECK(first.look().status == "running");
  CHECK(second.look().status == "running");
}

TEST_CASE("a faults folder that is lost is no fault that stays") {
  test::need_engine();
  const auto kind = GENERATE(as<std::string>(), "pause", "cpu");
  CAPTURE(kind);
  BareVictim victim({});
  Direct direct;
  REQUIRE(direct.run({"simulate-down", victim.target().str(), "--fault", kind, "--for", "8s"}).exit == 0);
  const pid_t keeper = direct.keeper();
  fs::remove_all(direct.folder());
  // A new one, which knows of it by the label of its holder.
  CHECK(direct.only_state() == "applied");
  CHECK(direct.keeper() != keeper);
  CHECK(victim.comes([&] { return !is_broken(victim, kind); }));
  CHECK(victim.comes([&] { return direct.only_state() == "reverted"; }));
  CHECK(victim.look().running());
  CHECK(victim.comes([&] { return !is_alive(keeper); }));
}

/// The engine of this machine on TCP, behind TLS that wants a certificate of our authority, as with dockerd
/// --tlsverify.
class TlsEngine {
 public:
  TlsEngine() {
    const std::string server = authority_.issue("server", {});
    authority_.issue("cert", {"client", "DNS:client", 3600});
    fs::rename(certificates() + "/cert.key", certificates() + "/key.pem");
    std::ofstream(server + ".all") << read_small_file(server + ".pem") << read_small_file(server + ".key");
    std::ofstream(haproxy_.folder() / "haproxy.cfg") << fmt::format(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
        "frontend tls\n  bind 127.0.0.1:{} ssl crt {}.all ca-file {} verify required\n  default_backend engine\n"
        "backend engine\n  server local /var/run/docker.sock\n",
        port_, server, authority_.ca_file());
    haproxy_.start({"/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"});
  }
  std::string host() const { return fmt::format("tcp://127.0.0.1:{}", port_); }
  std::string certificates() const { return folder_.path().string(); }

 private:
  const std::uint16_t port_ = heal::test::free_port();
  const heal::test::TempFolder folder_;
  heal::test::TestAuthority authority_{folder_.path()};
  heal::test::Daemon haproxy_;
};

/// A variable of the environment for as long as this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

TEST_CASE("without a service an engine behind TLS is reached as docker reaches it, and not without the certificates") {
  test::need_engine();
  const auto kind = GENERATE(as<std::string>(), "pause", "cpu");
  CAPTURE(kind);
  BareVictim victim({});
  const TlsEngine engine;
  Direct direct;
  direct.more = {"--docker-host", engine.host()};
  const std::vector<std::string> down{"simulate-down", victim.target().str(), "--fault", kind};
  const Said refused = direct.run(down);
  CAPTURE(refused.err);
  CHECK(refused.exit == 7);
  CHECK_FALSE(is_broken(victim, kind));
  CHECK(direct.faults().empty());
  const pid_t without = direct.keeper();
  REQUIRE(victim.comes([&] { return !is_alive(without); }));

  const Variable verify("DOCKER_TLS_VERIFY", "1"), path("DOCKER_CERT_PATH", engine.certificates());
  const Said said = direct.run(down);
  CAPTURE(said.err);
  CHECK(said.exit == 0);
  CHECK(is_broken(victim, kind));
  CHECK(direct.run({"simulate-up", victim.target().str()}).exit == 0);
  CHECK_FALSE(is_broken(victim, kind));
  CHECK(direct.only_state() == "reverted");
}

TEST_CASE("without a service a real Alertmanager is silenced, until told otherwise, and missed when it is gone") {
  test::need_engine();
  BareVictim victim({});
  const std::string url = fmt::format("http://127.0.0.1:{}", heal::test::free_port());
  heal::test::Daemon alertmanager;
  std::ofstream(alertmanager.folder() / "alertmanager.yml") << "route: {receiver: none}\nreceivers: [{name: none}]\n";
  alertmanager.start({"/usr/bin/prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=data",
                      "--cluster.listen-address=", "--web.listen-address=" + url.substr(7)});
  CurlHttpClient http;
  HttpAlertmanagerApi api(http, {url, {}, {}, false});
  REQUIRE(victim.comes([&] { return api.ready(victim.soon(), {}).has_value(); }));
  Direct direct;
  direct.more = {"--alertmanager", url};
  const std::vector<std::string> down{"simulate-down", victim.target().str(), "--fault", "silence"};
  CHECK(direct.run(down).exit == 0);
  const auto silences = api.silences(victim.soon(), {}).value();
  REQUIRE(silences.size() == 1);
  CHECK(silences[0].matchers == std::vector{Matcher::parse("container=\"" + victim.name() + "\"").value()});
  CHECK(direct.run({"simulate-up", victim.target().str()}).exit == 0);
  CHECK(api.silences(victim.soon(), {}).value().empty());
  CHECK(direct.only_state() == "reverted");

  (void)alertmanager.stop();
  const Said said = direct.run(down);
  CHECK(said.exit == 7);
  CAPTURE(said.err);
  CHECK(said.err.find("Alertmanager: ") != std::string::npos);
  CHECK(direct.faults().size() == 1);
}

TEST_CASE("without a service the same rules refuse, with the same exit codes") {
  test::need_engine();
  Direct direct;
  SECTION("what is not labelled") {
    BareVictim victim({"--label", "heal.simulate=no"});
    const Said said = direct.run({"simulate-down", victim.target().str()});
    CHECK(said.exit == 4);
    CHECK(said.err.find("may not be broken: it has no label heal.simulate=allow") != std::string::npos);
    CHECK(victim.look().running());
  }
  SECTION("a part of the monitoring") {
    BareVictim victim({"--label", "heal.role=prometheus"});
    const Said said = direct.run({"simulate-down", victim.target().str()});
    CHECK(said.exit == 4);
    CHECK(said.err.find("may not be broken: its label heal.role is prometheus") != std::string::npos);
    CHECK(victim.look().running());
  }
  SECTION("a second fault on one target, and none is left by a dry run") {
    BareVictim victim({});
    CHECK(direct.run({"simulate-down", victim.target().str(), "--dry-run"}).exit == 0);
    CHECK(direct.faults().empty());
    CHECK(direct.run({"simulate-down", victim.target().str(), "--fault", "cpu"}).exit == 0);
    const Said said = direct.run({"simulate-down", victim.target().str(), "--fault", "pause"});
    CHECK(said.exit == 4);
    CHECK(said.err.find("(cpu) is on " + victim.target().str() + " already") != std::string::npos);
    CHECK(direct.run({"faults", "revert", "--all"}).exit == 0);
    CHECK_FALSE(is_broken(victim, "cpu"));
  }
  SECTION("a holder's image that is not there, before anything is written") {
    BareVictim victim({});
    direct.image = "no:where";
    const Said said = direct.run({"simulate-down", victim.target().str(), "--fault", "cpu"});
    CHECK(said.exit == 1);
    CAPTURE(said.err);
    CHECK(said.err.find("(--helper-image): the engine has no image no:where") != std::string::npos);
    CHECK(direct.faults().empty());
  }
}

TEST_CASE("a faults folder that cannot be trusted or read is named, and nothing is touched") {
  test::need_engine();
  BareVictim victim({});
  Direct direct;
  fs::create_directories(direct.ledger());
  SECTION("open to others") {
    fs::permissions(direct.folder(), fs::perms(0755));
    const Said said = direct.run({"simulate-down", victim.target().str()});
    CHECK(said.exit == 4);
    CHECK(said.err.find("is open to other users (mode 755)") != std::string::npos);
  }
  SECTION("of another user") {
    fs::permissions(direct.folder(), fs::perms(0700));
    REQUIRE(::chown(direct.folder().c_str(), 12345, static_cast<gid_t>(-1)) == 0);
    const Said said = direct.run({"simulate-down", victim.target().str()});
    CHECK(said.exit == 4);
    CHECK(said.err.find("belongs to user 12345, and this is user 0") != std::string::npos);
  }
  SECTION("with a damaged ledger") {
    fs::permissions(direct.folder(), fs::perms(0700));
    std::ofstream(direct.ledger() + "/heal.db") << std::string(8192, 'x');
    const Said said = direct.run({"simulate-down", victim.target().str()});
    CHECK(said.exit == 7);
    CAPTURE(said.err);
    CHECK(said.err.find("the file is not a database of this service") != std::string::npos);
  }
  CHECK(victim.look().running());
}

}  // namespace
}  // namespace heal::fault
