#include <atomic>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/port/clock.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_dns_client.h"
#include "common/system/ares_dns_client.h"
#include "common/system/system_clock.h"
#include "tests/support/code_of.h"
#include "tests/support/dns_bytes.h"
#include "tests/support/loopback_datagrams.h"
#include "tests/support/loopback_server.h"

namespace heal {
namespace {

using test::code_of;
using test::dns_answer;
using test::dns_labels;
using test::dns_record;
using test::dns_word;
using test::DnsSections;
using test::from_hex;
using test::LoopbackDatagrams;
using test::LoopbackServer;

constexpr const char* kName = "api.example.net";

struct TypedRecord {
  std::string type, text;
  unsigned code = 0;
  std::string data{};
};

/// One record of each type that playbooks can ask for; `data` is what stands on the wire.
std::vector<TypedRecord> typed_records() {
  const std::string mx = dns_labels("mx.example.net");
  return {{"A", "10.1.2.3", 1, from_hex("0a010203")},
          {"AAAA", "2001:db8::1", 28, from_hex("20010db8 00000000 00000000 00000001")},
          {"CNAME", "mx.example.net.", 5, mx},
          {"MX", "10 mx.example.net.", 15, dns_word(10) + mx},
          {"NS", "mx.example.net.", 2, mx},
          {"PTR", "mx.example.net.", 12, mx},
          {"SRV", "1 5 443 mx.example.net.", 33, dns_word(1) + dns_word(5) + dns_word(443) + mx},
          {"TXT", "\"v=spf1\" \"-all\"", 16, "\x06v=spf1\x04-all"}};
}

/// Name servers: one that answers, one where nobody listens, and one that never answers.
class DnsFixture {
 public:
  virtual ~DnsFixture() = default;
  virtual DnsClient& client() = 0;
  virtual Clock& clock() = 0;
  virtual std::string answering() = 0;
  virtual std::string refusing() = 0;
  virtual std::string silent() = 0;

  Result<DnsReply> ask(const std::string& name, const std::string& type = "A") {
    return client().look_up({answering(), name, type}, clock().deadline_in(20s), {});
  }
};

class SimDns : public DnsFixture {
 public:
  SimDns() {
    for (const TypedRecord& record : typed_records())
      client_.answer({answering(), kName, record.type}, {"NOERROR", {record.text}});
    client_.answer({answering(), "alias.example.net", "A"}, {"NOERROR", {"10.1.2.3", "10.1.2.4"}});
    client_.answer({answering(), "bare.example.net", "AAAA"}, {"NOERROR", {"2001:db8::1"}});
    client_.answer({answering(), "broken.example.net", "A"}, {"SERVFAIL", {}});
    client_.answer({answering(), "secret.example.net", "A"}, {"REFUSED", {}});
    client_.set(silent(), SimDnsClient::Behaviour::kDrops);
    client_.ignore({answering(), "silent.example.net", "A"});
  }
  DnsClient& client() override { return client_; }
  Clock& clock() override { return clock_; }
  std::string answering() override { return "10.0.0.53:53"; }
  std::string refusing() override { return "10.0.0.54:53"; }
  std::string silent() override { return "10.0.0.55:53"; }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimDnsClient client_{clock_};
};

/// What follows the question's name in `query`: the type that is asked for.
unsigned type_of(const std::string& query) {
  const std::size_t at = query.find('\0', 12) + 1;
  return static_cast<unsigned char>(query[at]) * 256U + static_cast<unsigned char>(query[at + 1]);
}

bool asks_for(const std::string& query, const std::string& label) {
  return to_lower(query.substr(13, static_cast<unsigned char>(query[12]))) == label;
}

std::vector<std::string> real_replies(const std::string& query) {
  const auto reply = [&](const DnsSections& sections) { return std::vector<std::string>{dns_answer(query, sections)}; };
  const std::string first = dns_record("www.example.net", 1, from_hex("0a010203"));
  const std::string second = dns_record("www.example.net", 1, from_hex("0a010204"));
  const std::string alias = dns_record("alias.example.net", 5, dns_labels("www.example.net"));
  if (asks_for(query, "silent")) return {};
  if (asks_for(query, "alias")) return reply({0, 3, 0, 0, alias + first + second});
  if (asks_for(query, "bare")) return reply({});
  if (asks_for(query, "broken")) return reply({2});
  if (asks_for(query, "secret")) return reply({5});
  if (asks_for(query, "cut")) return reply({0, 2, 0, 0, first + second.substr(0, 20)});
  if (asks_for(query, "long")) return reply({0, 0, 0, 0, "", 0x8380});
  if (!asks_for(query, "api")) return reply({3});
  for (const TypedRecord& record : typed_records()) {
    if (record.code == type_of(query)) return reply({0, 1, 0, 0, dns_record(kName, record.code, record.data)});
  }
  return reply({});
}

class RealDns : public DnsFixture {
 public:
  DnsClient& client() override { return client_; }
  Clock& clock() override { return clock_; }
  std::string answering() override { return answering_.address(); }
  std::string refusing() override { return "127.0.0.1:1"; }
  std::string silent() override { return silent_.address(); }

 private:
  SystemClock clock_;
  AresDnsClient client_;
  LoopbackDatagrams answering_{real_replies};
  LoopbackDatagrams silent_{[](const std::string&) { return std::vector<std::string>{}; }};
};

std::unique_ptr<DnsFixture> dns_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealDns>();
  return std::make_unique<SimDns>();
}

TEST_CASE("records of every type come as text") {
  const auto fixture = dns_fixture();
  for (const TypedRecord& record : typed_records()) {
    CAPTURE(record.type);
    CHECK(fixture->ask(kName, record.type).value() == DnsReply{"NOERROR", {record.text}});
  }
  CHECK(fixture->ask("API.example.net.").value() == DnsReply{"NOERROR", {"10.1.2.3"}});
}

TEST_CASE("only records of the type that is asked for are given, also behind an alias") {
  const auto fixture = dns_fixture();
  CHECK(fixture->ask("alias.example.net").value() == DnsReply{"NOERROR", {"10.1.2.3", "10.1.2.4"}});
}

TEST_CASE("a name server's no is an answer") {
  const auto fixture = dns_fixture();
  CHECK(fixture->ask("nobody.example.net").value() == DnsReply{"NXDOMAIN", {}});
  CHECK(fixture->ask("bare.example.net").value() == DnsReply{"NOERROR", {}});
  CHECK(fixture->ask("broken.example.net").value() == DnsReply{"SERVFAIL", {}});
  CHECK(fixture->ask("secret.example.net").value() == DnsReply{"REFUSED", {}});
}

TEST_CASE("a name server that cannot be reached, or is silent, is told apart from one that says no") {
  const auto fixture = dns_fixture();
  const auto ask = [&](const std::string& server, Duration patience) {
    return fixture->client().look_up({server, kName, "A"}, fixture->clock().deadline_in(patience), {});
  };
  const auto refused = ask(fixture->refusing(), 20s);
  CHECK(code_of(refused) == "unreachable");
  CHECK(refused.error().str() ==
        "A of api.example.net at " + fixture->refusing() + ": the name server cannot be reached");
  const DnsLookup ignored{fixture->answering(), "silent.example.net", "A"};
  CHECK(code_of(fixture->client().look_up(ignored, fixture->clock().deadline_in(50ms), {})) == "timeout");
  const auto silent = ask(fixture->silent(), 50ms);
  CHECK(code_of(silent) == "timeout");
  CHECK(silent.error().str() == "A of api.example.net at " + fixture->silent() + ": timed out");
}

TEST_CASE("what is no server, name or type is refused, and a stop ends the wait") {
  const auto fixture = dns_fixture();
  const Deadline soon = fixture->clock().deadline_in(20s);
  const std::string server = fixture->answering();
  const auto code = [&](const DnsLookup& lookup, std::stop_token stop) {
    return code_of(fixture->client().look_up(lookup, soon, std::move(stop)));
  };
  CHECK(code({"10.0.0.53", kName, "A"}, {}) == "invalid");
  CHECK(code({server, "a..b", "A"}, {}) == "invalid");
  CHECK(code({server, std::string(64, 'a') + ".net", "A"}, {}) == "invalid");
  CHECK(code({server, std::string("a\0b", 3), "A"}, {}) == "invalid");
  CHECK(code({server, kName, "a"}, {}) == "invalid");
  std::stop_source before;
  before.request_stop();
  CHECK(code({server, kName, "A"}, before.get_token()) == "cancelled");
  std::stop_source later;
  std::string ended;
  std::thread caller([&] {
    ended = code_of(fixture->client().look_up({fixture->silent(), kName, "A"}, SteadyTime::max(), later.get_token()));
  });
  later.request_stop();
  caller.join();
  CHECK(ended == "cancelled");
}

TEST_CASE("a server may have a name, and an answer that cannot be read is no answer") {
  RealDns fixture;
  const std::string port = fixture.answering().substr(fixture.answering().rfind(':'));
  const Deadline soon = fixture.clock().deadline_in(20s);
  CHECK(fixture.client().look_up({"localhost" + port, kName, "A"}, soon, {}).value() ==
        DnsReply{"NOERROR", {"10.1.2.3"}});
  CHECK(code_of(fixture.ask("cut.example.net")) == "unavailable");
}

TEST_CASE("an answer that does not fit into a datagram is asked for over TCP") {
  LoopbackServer stream([](int fd) {
    char buffer[1024];
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 14) return;
    const std::string query(buffer + 2, static_cast<std::size_t>(got) - 2);
    const std::string reply = dns_answer(query, {0, 1, 0, 0, dns_record("long.example.net", 1, from_hex("0a010209"))});
    test::send_all(fd, dns_word(static_cast<unsigned>(reply.size())) + reply);
    test::read_to_end(fd);
  });
  LoopbackDatagrams datagrams(real_replies, stream.port());
  SystemClock clock;
  AresDnsClient client;
  CHECK(client.look_up({stream.address(), "long.example.net", "A"}, clock.deadline_in(20s), {}).value() ==
        DnsReply{"NOERROR", {"10.1.2.9"}});
}

TEST_CASE("a datagram that is lost is sent again") {
  std::atomic<int> asked{0};
  LoopbackDatagrams server(
      [&](const std::string& query) { return ++asked == 1 ? std::vector<std::string>{} : real_replies(query); });
  SystemClock clock;
  AresDnsClient client;
  CHECK(client.look_up({server.address(), kName, "A"}, clock.deadline_in(20s), {}).value() ==
        DnsReply{"NOERROR", {"10.1.2.3"}});
}

}  // namespace
}  // namespace heal
