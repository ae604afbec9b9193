#include <catch2/catch.hpp>

#include "common/remedy/check.h"
#include "common/sim/fake_clock.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_dialer.h"
#include "common/sim/sim_dns_client.h"

namespace heal::remedy::test {
namespace {

const std::string kServer = "10.0.0.53:53";
const std::string kWhat = "A of api.example.net at 10.0.0.53:53: ";

struct DnsBench {
  CheckResult ask(const std::string& answer = "", const std::string& server = kServer, std::stop_token stop = {}) {
    playbook::Check check;
    check.kind = playbook::Check::Kind::kDns;
    check.address = "api.example.net";
    check.record_type = "A";
    check.server = server;
    if (!answer.empty()) check.answer = Regex::compile(answer).value();
    return remedy::ask(check, {world, tools, {}, {}}, clock.deadline_in(5s), std::move(stop));
  }
  void says(const std::string& rcode, std::vector<std::string> records = {}, const std::string& server = kServer) {
    dns.answer({server, "api.example.net", "A"}, {rcode, std::move(records)});
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SequenceRandom random;
  ScriptedHttpClient http{clock};
  SimDialer dialer{clock};
  ScriptedProcessRunner processes{clock};
  SimDnsClient dns{clock};
  Tools tools{clock, random, http, dialer, processes, nullptr, nullptr, &dns};
  World world;
};

TEST_CASE("a name passes when some record of it is as wanted, as a whole") {
  DnsBench bench;
  bench.says("NOERROR", {"10.2.0.1", "10.1.0.7"});
  CHECK(bench.ask() == CheckResult{Answer::kPass, kWhat + "10.2.0.1"});
  CHECK(bench.ask("10\\.1\\..*") == CheckResult{Answer::kPass, kWhat + "10.1.0.7"});
  CHECK(bench.ask("10\\.1") == CheckResult{Answer::kFail, kWhat + "10.2.0.1 (of 2 record(s)) does not match 10\\.1"});
  bench.says("NOERROR", {"10.9.0.1"}, "");
  CHECK(bench.ask("10\\.9\\..*", "") == CheckResult{Answer::kPass, "A of api.example.net: 10.9.0.1"});
}

TEST_CASE("a name server that says no fails the check") {
  DnsBench bench;
  bench.says("NXDOMAIN");
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "NXDOMAIN"});
  bench.says("SERVFAIL");
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "SERVFAIL"});
  bench.says("REFUSED");
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "REFUSED"});
  bench.says("SERVFAIL", {"10.1.0.7"});
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "SERVFAIL"});
  bench.says("NOERROR");
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "no such record"});
}

TEST_CASE("a name server that cannot be reached, or is silent, fails the check as a service does") {
  DnsBench bench;
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "the name server cannot be reached"});
  bench.dns.set(kServer, SimDnsClient::Behaviour::kDrops);
  CHECK(bench.ask() == CheckResult{Answer::kFail, kWhat + "timed out"});
}

TEST_CASE("a resolver of our own machine that is silent says nothing of the name") {
  DnsBench bench;
  CHECK(bench.ask("", "").answer == Answer::kUnknown);
  bench.dns.set("", SimDnsClient::Behaviour::kDrops);
  CHECK(bench.ask("", "") == CheckResult{Answer::kUnknown, "A of api.example.net: timed out"});
}

TEST_CASE("a question that is not put is neither good nor bad news") {
  DnsBench bench;
  bench.says("NOERROR", {"10.1.0.7"});
  std::stop_source stop;
  stop.request_stop();
  CHECK(bench.ask("", kServer, stop.get_token()) == CheckResult{Answer::kUnknown, kWhat + "stopped"});
  bench.tools.dns = nullptr;
  CHECK(bench.ask() == CheckResult{Answer::kUnknown, "no name server can be asked here"});
}

}  // namespace
}  // namespace heal::remedy::test
