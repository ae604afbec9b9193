#include <map>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/text.h"
#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// HAProxy's runtime API with one backend of two servers.
class FakeHaproxy {
 public:
  struct Server {
    int admin = 0;
    int weight = 100;
  };
  std::map<std::string, Server> servers{{"s1", {}}, {"s2", {}}};
  std::vector<std::string> commands;

  Result<std::string> answer(const std::string& request) {
    commands.push_back(std::string(trim(request)));
    const auto words = split(commands.back(), ' ');
    if (words[0] == "show") return words[3] == "web" ? state() : Result<std::string>("Can't find backend.\n\n");
    const auto name = std::string(words[2].substr(4));
    if (words[2].substr(0, 4) != "web/" || servers.count(name) == 0) return std::string("No such server.\n\n");
    Server& server = servers[name];
    if (words[3] == "weight") server.weight = static_cast<int>(parse_int(words[4]).value_or(0));
    if (words[3] == "state") server.admin = words[4] == "maint" ? 1 : words[4] == "drain" ? 8 : 0;
    return std::string("\n");
  }

 private:
  Result<std::string> state() const {
    std::string out =
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n";
    for (const auto& [name, server] : servers)
      out += fmt::format("3 web 1 {} 127.0.0.1 2 {} {} 1\n", name, server.admin, server.weight);
    return out + "\n";
  }
};

struct ProxyRig : SimRig {
  ProxyRig() : SimRig("allow: {haproxy: ['unix:/run/haproxy.sock']}\n") {
    dialer.on_exchange("unix:/run/haproxy.sock", [this](const std::string& request) { return proxy.answer(request); });
  }
  std::string step(const std::string& what) const {
    return "haproxy.server: {socket: 'unix:/run/haproxy.sock', backend: web, server: s1, " + what + "}, undo: inverse";
  }
  FakeHaproxy proxy;
};

TEST_CASE("a server is drained and given less weight, and put back as it was") {
  ProxyRig rig;
  rig.proxy.servers["s1"] = {0, 40};
  const auto done = rig.bench.run(rig.step("state: drain, weight: 10"));
  CHECK(done == ActionResult::done("server web/s1: ready, weight 40 -> drain, weight 10",
                                   {{"changed", "true"}, {"state", "drain"}, {"weight", "10"}}));
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(rig.bench.undo().message == "server web/s1: drain, weight 10 -> ready, weight 40");
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
  CHECK(rig.proxy.servers["s2"].admin == 0);
}

TEST_CASE("what was in maintenance stays there after the undo, and what a step does not name is left alone") {
  ProxyRig rig;
  rig.proxy.servers["s1"] = {1, 40};
  REQUIRE(rig.bench.run(rig.step("state: ready")).kind == Kind::kDone);
  rig.proxy.servers["s1"].weight = 7;
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.proxy.servers["s1"].admin == 1);
  CHECK(rig.proxy.servers["s1"].weight == 7);
}

TEST_CASE("a server that is so already is not asked for anything") {
  ProxyRig rig;
  const auto done = rig.bench.run(rig.step("state: ready, weight: 100"));
  CHECK(done.message == "server web/s1 was ready, weight 100 already");
  CHECK(done.outputs.at("changed") == "false");
  for (const auto& command : rig.proxy.commands)
    CHECK(command == "show servers state web");
}

TEST_CASE("a server or backend that is not there, and a proxy that says no, fail the step with its words") {
  ProxyRig rig;
  rig.proxy.servers.erase("s1");
  CHECK(rig.bench.run(rig.step("state: drain")).message == "HAProxy has no server web/s1");
  const std::string other = "haproxy.server: {socket: 'unix:/run/haproxy.sock', backend: db, server: s1, state: drain}";
  CHECK(rig.bench.run(other).message == "HAProxy says of backend db: Can't find backend.");
  rig.proxy.servers["s1"] = {};
  rig.dialer.on_exchange("unix:/run/haproxy.sock", [&](const std::string& request) -> Result<std::string> {
    if (request.starts_with("set")) return std::string("Permission denied\n\n");
    return rig.proxy.answer(request);
  });
  const auto refused = rig.bench.run(rig.step("state: drain"));
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.message == "HAProxy says to \"state drain\": Permission denied");
  CHECK(refused.was_refused);
}

TEST_CASE("a connection that breaks after the command leaves an open question that the probe answers") {
  ProxyRig rig;
  rig.dialer.on_exchange("unix:/run/haproxy.sock", [&](const std::string& request) -> Result<std::string> {
    auto answer = rig.proxy.answer(request);
    if (request.starts_with("set")) return make_error(ErrorCode::kUnavailable, "the connection broke");
    return answer;
  });
  CHECK(rig.bench.run(rig.step("state: maint")).kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("only allow-listed sockets, and names that end no command") {
  ProxyRig rig;
  CHECK(rig.bench.refusal("haproxy.server: {socket: '127.0.0.1:9999', backend: web, server: s1, state: drain}") ==
        "playbook p: step s: 127.0.0.1:9999 is not under allow.haproxy in heal.yml");
  CHECK(rig.bench.refusal("haproxy.server: {socket: 'unix:/run/haproxy.sock', backend: web, server: s1}") ==
        "playbook p: step s: haproxy.server needs one of state, weight");
  for (const std::string bad : {"s1; shutdown sessions", "s1 state maint", "-s1", "s1/x", ""}) {
    rig.bench.set_labels({{"server", bad}});
    CAPTURE(bad);
    CHECK(rig.bench
              .refusal("haproxy.server: {socket: 'unix:/run/haproxy.sock', backend: web, server: '{{ "
                       "labels.server }}', state: drain}")
              .find("argument server") != std::string::npos);
  }
  CHECK(rig.proxy.commands.empty());
}

}  // namespace
}  // namespace heal::test
