#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/contract/ports/daemon.h"
#include "tests/contract/step/real_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// Debian's HAProxy with a backend `web` of two servers, and its runtime API on a socket and on a port.
class RealHaproxy {
 public:
  RealHaproxy() {
    std::ofstream(daemon_.folder() / "haproxy.cfg") << fmt::format(
        "global\n  stats socket {} mode 600 level admin\n  stats socket 127.0.0.1:{} level operator\n"
        "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
        "frontend in\n  bind 127.0.0.1:{}\n  default_backend web\n"
        "backend web\n  server s1 127.0.0.1:1 weight 40\n  server s2 127.0.0.1:1 weight 40\n",
        path(), port_, free_port());
    daemon_.start({"/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"});
    const Deadline deadline = clock_.deadline_in(40s);
    while (!dialer_.exchange(socket(), "show info\n", clock_.deadline_in(2s), {})) {
      if (clock_.steady_now() > deadline) FAIL("HAProxy does not start: " << daemon_.stop());
      clock_.sleep_for(50ms, {});
    }
  }
  std::string socket() const { return "unix:" + path(); }
  std::string operator_port() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string ask(const std::string& command) {
    return dialer_.exchange(socket(), command + "\n", clock_.deadline_in(5s), {}).value();
  }
  void stop() { (void)daemon_.stop(); }

 private:
  std::string path() const { return (daemon_.folder() / "admin.sock").string(); }

  const std::uint16_t port_ = free_port();
  SystemClock clock_;
  TcpDialer dialer_;
  Daemon daemon_;
};

std::string step(const std::string& socket, const std::string& server, const std::string& what) {
  return fmt::format("haproxy.server: {{socket: '{}', backend: web, server: {}, {}}}, undo: inverse", socket, server,
                     what);
}

TEST_CASE("HAProxy takes a server out, gives it another weight, and gets it back as it was") {
  RealHaproxy haproxy;
  RealRig rig(fmt::format("allow: {{haproxy: ['{}']}}\n", haproxy.socket()));
  const auto run = [&](const std::string& server, const std::string& what) {
    return rig.bench.run(step(haproxy.socket(), server, what));
  };
  CHECK(run("s1", "state: maint").message == "server web/s1: ready, weight 40 -> maint, weight 40");
  CHECK(haproxy.ask("show stat").find("web,s1,") != std::string::npos);
  CHECK(haproxy.ask("show stat").find(",MAINT,") != std::string::npos);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(run("s1", "state: maint").outputs.at("changed") == "false");
  CHECK(run("s1", "state: drain, weight: 10").message == "server web/s1: maint, weight 40 -> drain, weight 10");
  CHECK(rig.bench.undo().message == "server web/s1: drain, weight 10 -> maint, weight 40");
  CHECK(run("s1", "state: ready").kind == Kind::kDone);
  CHECK(haproxy.ask("get weight web/s1").find("40 (initial 40)") != std::string::npos);

  CHECK(run("s9", "state: ready").message == "HAProxy has no server web/s9");
  CHECK(
      rig.bench
          .run(fmt::format("haproxy.server: {{socket: '{}', backend: db, server: s1, state: ready}}", haproxy.socket()))
          .reason == "not begun");
  haproxy.stop();
  CHECK(run("s1", "state: drain").message.find("HAProxy: connect to unix:") != std::string::npos);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
}

TEST_CASE("a socket that may only look fails the step with HAProxy's words") {
  RealHaproxy haproxy;
  RealRig rig(fmt::format("allow: {{haproxy: ['{}']}}\n", haproxy.operator_port()));
  const auto refused = rig.bench.run(step(haproxy.operator_port(), "s1", "state: drain"));
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.message.find("HAProxy says to \"state drain\": ") == 0);
  CHECK(haproxy.ask("show servers state web").find("s1 127.0.0.1 2 0 40 ") != std::string::npos);
}

}  // namespace
}  // namespace heal::test
