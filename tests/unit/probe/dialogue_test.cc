#include "common/probe/dialogue.h"

#include <catch2/catch.hpp>

#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

using namespace std::chrono_literals;

const SocketAddress kMail{*IpAddress::parse("192.0.2.1"), 25};
const std::string kMailTarget = "192.0.2.1:25";

QueryResponse bytes(const std::string& wanted) {
  QueryResponse step;
  step.expect_bytes = wanted;
  return step;
}

QueryResponse line(const std::string& pattern, const std::string& send = "") {
  QueryResponse step;
  step.expect = *Regex::compile(pattern);
  step.send = send;
  return step;
}

Module tcp(std::vector<QueryResponse> steps) {
  Module module;
  module.prober = "tcp";
  module.tcp.query_response = std::move(steps);
  return module;
}

struct BytesCase {
  std::string name;
  std::vector<QueryResponse> steps;
  SimProbeIo::AtEnd at_end;
  std::string verdict;
  double failed;
};

TEST_CASE("bytes are expected as they are, however they arrive, from where the step before has ended") {
  constexpr auto kCloses = SimProbeIo::AtEnd::kCloses, kStays = SimProbeIo::AtEnd::kStays;
  const auto c = GENERATE(values<BytesCase>({
      {"in one piece", {bytes("one")}, kStays, "ok", 0},
      {"in two pieces", {bytes("one\ntw")}, kStays, "ok", 0},
      {"one after the other", {bytes("on"), bytes("e\ntwo\n")}, kStays, "ok", 0},
      {"behind a line", {line("^one$"), bytes("two")}, kStays, "ok", 0},
      {"before a line", {bytes("one\nt"), line("^wo$")}, kStays, "ok", 0},
      {"others", {bytes("two")}, kStays, "expect/unexpected_bytes: the bytes \"one\" are not \"two\"", 1},
      {"others before all came",
       {bytes("two and more")},
       kStays,
       "expect/unexpected_bytes: the bytes \"one\\n\" are not \"two and more\"",
       1},
      {"too few", {bytes("one\ntwo\nthree")}, kStays, "expect/timeout: the deadline passed", 0},
      {"too few at the end",
       {bytes("one\ntwo\nthree")},
       kCloses,
       "expect/closed: the other side closed after 8 of 13 bytes",
       0},
  }));
  CAPTURE(c.name);
  RunBench bench;
  bench.io.serve_lines(kMail, {"one", "two"}, c.at_end);
  bench.run(tcp(c.steps), kMailTarget);
  CHECK(bench.verdict() == c.verdict);
  CHECK(bench.value("probe_failed_due_to_bytes") == c.failed);
  CHECK(bench.value("probe_failed_due_to_regex") == 0);
}

TEST_CASE("a dialogue without bytes has the metrics of blackbox_exporter 0.23") {
  RunBench bench;
  bench.io.serve_lines(kMail, {"one"});
  bench.run(tcp({line("one")}), kMailTarget);
  CHECK(bench.verdict() == "ok");
  CHECK_FALSE(bench.value("probe_failed_due_to_bytes"));
  CHECK_FALSE(bench.value("probe_expect_info"));
  CHECK(bench.value("probe_failed_due_to_regex") == 0);
}

TEST_CASE("labels show what was matched, as far as it is text") {
  RunBench bench;
  bench.io.serve_lines(kMail, {"noise", "220 mx ESMTP \xff\"", "250 fine"});
  QueryResponse banner = line("^220 (?P<host>[a-z]+) (.*)$", "EHLO $host");
  banner.labels =
      std::vector<std::pair<std::string, std::string>>{{"host", "<${host}>"}, {"what", "$2"}, {"same", "x"}};
  QueryResponse fine = line("^250");
  fine.labels.emplace();
  QueryResponse never = line("^never");
  never.labels.emplace().emplace_back("a", "b");
  bench.run(tcp({banner, fine, never}), kMailTarget);
  CHECK(bench.value("probe_expect_info", {{"host", "<mx>"}, {"what", "ESMTP \xef\xbf\xbd\""}, {"same", "x"}}) == 1);
  CHECK(bench.value("probe_expect_info") == 1);
  CHECK_FALSE(bench.value("probe_expect_info", {{"a", "b"}}));
  CHECK(bench.io.written() == "EHLO mx\n");
}

TEST_CASE("labels that come out the same are one sample") {
  RunBench bench;
  bench.io.serve_lines(kMail, {"a", "b"});
  QueryResponse step = line(".");
  step.labels.emplace().emplace_back("k", "v");
  bench.run(tcp({step, step}), kMailTarget);
  CHECK(bench.verdict() == "ok");
  for (const SampleFamily& family : bench.result.families) {
    if (family.name == "probe_expect_info") CHECK(family.samples.size() == 1);
  }
}

TEST_CASE("a dialogue may have any number of steps that need no I/O") {
  constexpr std::size_t kMany = 100'000;
  std::string many_lines;
  for (std::size_t i = 0; i < kMany; ++i)
    many_lines += "a\n";
  RunBench bench;
  bench.io.serve_lines(kMail, {many_lines});
  std::vector<QueryResponse> steps(kMany);
  bench.run(tcp(steps), kMailTarget);
  CHECK(bench.verdict() == "ok");
  // What one read brings is enough for many steps, too.
  std::fill(steps.begin(), steps.end(), line("^a$"));
  bench.run(tcp(steps), kMailTarget);
  CHECK(bench.verdict() == "ok");
}

Module on_socket(std::vector<QueryResponse> steps) {
  Module module;
  module.prober = "unix";
  module.unix_socket.query_response = std::move(steps);
  return module;
}

TEST_CASE("a unix socket is asked as a port is, and has no address") {
  RunBench bench;
  bench.io.serve_socket("/run/app.sock", {"hello 7"});
  QueryResponse hello = line("^hello ([0-9]+)$", "bye");
  hello.labels.emplace().emplace_back("version", "$1");
  bench.run(on_socket({hello}), "/run/app.sock");
  CHECK(bench.verdict() == "ok");
  CHECK(bench.io.written() == "bye\n");
  CHECK(bench.value("probe_expect_info", {{"version", "7"}}) == 1);
  CHECK(bench.value("probe_failed_due_to_regex") == 0);
  CHECK(bench.value("probe_failed_due_to_bytes") == 0);
  CHECK_FALSE(bench.value("probe_ip_protocol"));
  CHECK_FALSE(bench.value("probe_dns_lookup_time_seconds"));

  bench.run(on_socket({}), "/run/none.sock");
  CHECK(bench.verdict() == "connect/not_found: connect: No such file or directory");
  CHECK_FALSE(bench.value("probe_failed_due_to_regex"));

  Module secure = on_socket({});
  secure.unix_socket.tls = true;
  bench.run(secure, "/run/app.sock");
  CHECK(bench.verdict() == "tls/tls_config: there is no name to verify: server_name or insecure_skip_verify");
  secure.unix_socket.tls_config.insecure_skip_verify = true;
  bench.run(secure, "/run/app.sock");
  CHECK(bench.verdict() == "tls/handshake: the simulation speaks no TLS");
  CHECK_FALSE(bench.value("probe_failed_due_to_bytes"));
}

TEST_CASE("sockets are probed where allow_targets and deny_targets let them be") {
  RunBench bench;
  bench.io.serve_socket("/run/app.sock", {});
  bench.io.serve_socket("app.sock", {});
  bench.io.serve_socket("@app", {});
  const auto with = [&](const std::vector<std::string>& allowed, const std::string& target) {
    bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::create(allowed));
    bench.run(on_socket({}), target);
    return bench.verdict();
  };
  CHECK(with({"/run/app.sock"}, "/run/app.sock") == "ok");
  // What the kernel would follow need not be what stands there, where a link leads elsewhere.
  CHECK(with({"/run/app.sock"}, "/run/x/../app.sock") ==
        "target/not_allowed: the socket's path /run/x/../app.sock is not absolute and plain");
  CHECK(with({"@app"}, "@app") == "ok");
  CHECK(with({"app.sock", "*.sock", "0.0.0.0/0"}, "/run/app.sock") ==
        "target/not_allowed: allow_targets does not hold /run/app.sock");
  CHECK(with({"app.sock"}, "app.sock") == "target/not_allowed: the socket's path app.sock is not absolute and plain");
  bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::create({"@app", "/run/app.sock"}, {"@app"}));
  bench.run(on_socket({}), "@app");
  CHECK(bench.verdict() == "target/not_allowed: deny_targets holds @app");
  bench.run(on_socket({}), "/run/app.sock");
  CHECK(bench.verdict() == "ok");
  // Where all paths are allowed none needs to be told from another.
  bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::denying({"@app"}));
  bench.run(on_socket({}), "app.sock");
  CHECK(bench.verdict() == "ok");
  bench.policy = std::make_shared<const TargetPolicy>();
  bench.run(on_socket({}), "app.sock");
  CHECK(bench.verdict() == "ok");
}

TEST_CASE("a socket's path allows no host and no port") {
  const TargetPolicy policy = *TargetPolicy::create({"/run/app.sock"});
  CHECK(policy.refusal("", *IpAddress::parse("192.0.2.1"), 80));
  CHECK(policy.refusal("/run/app.sock", *IpAddress::parse("192.0.2.1"), 80));
  CHECK_FALSE(TargetPolicy::denying({"@app"})->refusal("x", std::nullopt, 80));
}

TEST_CASE("a socket's path cannot be denied, for links lead to the same socket") {
  const std::string message = "the path \"/run/app.sock\" cannot be denied: there are other paths to its socket";
  CHECK(TargetPolicy::denying({"@app", "/run//app.sock"}).error().str() == message);
  CHECK(TargetPolicy::create({"/run/app.sock"}, {"/run/app.sock"}).error().str() == message);
}

}  // namespace
}  // namespace heal::probe
