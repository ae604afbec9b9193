// Targets that lie, stall, reset, send garbage, gigabytes, endless heads and endless redirects: every probe ends by its
// deadline, many of them by nothing else, and the engine is as good as before. How long it took is not asked, for the
// targets leave no processor idle: what has to come first is asked of the loop that all of it runs on (Crowd).
#include <array>
#include <atomic>
#include <future>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "tests/contract/probe/probe_bench.h"
#include "tests/support/loopback_datagrams.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

constexpr Duration kTimeout = 500ms;
const std::vector<std::string> kNone;

/// Bytes that differ from seed to seed, and are the same in every run.
std::string noise(std::uint32_t seed, std::size_t size) {
  std::string bytes;
  std::uint32_t state = seed * 2654435761U + 1;
  while (bytes.size() < size) {
    state = state * 1664525U + 1013904223U;
    bytes += static_cast<char>(state >> 24U);
  }
  return bytes;
}

void reset(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/// What a target does with a connection; endless ones end when the other side goes.
using Misdeed = std::function<void(int fd, std::uint32_t turn)>;

void send_for_ever(int fd, const std::string& head, const std::string& piece) {
  if (!send_all(fd, head)) return;
  while (send_all(fd, piece)) {
  }
}

const std::string kBlock(64 << 10U, 'x');

const std::array<Misdeed, 16> kMisdeeds{
    [](int, std::uint32_t) {},                       // closes at once
    [](int fd, std::uint32_t) { reset(fd); },        // resets
    [](int fd, std::uint32_t) { read_to_end(fd); },  // never says a word
    [](int fd, std::uint32_t turn) { send_all(fd, noise(turn, 3000)); },
    [](int fd, std::uint32_t turn) { send_for_ever(fd, "", noise(turn, 8000)); },
    [](int fd, std::uint32_t) {
      send_for_ever(fd, "HTTP/1.1 200 OK\r\n", "X-Endless: " + std::string(900, 'h') + "\r\n");
    },
    [](int fd, std::uint32_t) { send_for_ever(fd, "HTTP/1.1 200 OK\r\nX-Long: ", kBlock); },
    [](int fd, std::uint32_t) { send_for_ever(fd, "", "HTTP/1.1 102 Processing\r\n\r\n"); },
    [](int fd, std::uint32_t) { send_for_ever(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", kBlock); },
    [](int fd, std::uint32_t) {
      send_for_ever(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n");
    },
    [](int fd, std::uint32_t turn) {
      read_head(fd);
      send_all(fd, http_answer("302 F",
                               "Location: /" + std::to_string(turn) + "\r\nSet-Cookie: a" + std::to_string(turn) + "=" +
                                   std::string(3000, 'c') + "\r\n",
                               ""));
    },
    [](int fd, std::uint32_t turn) {
      read_head(fd);
      send_all(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08" + noise(turn, 20000));
    },
    [](int fd, std::uint32_t) {
      read_head(fd);
      send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      reset(fd);
    },
    [](int fd, std::uint32_t turn) {
      send_all(fd, std::string("\x16\x03\x03\x40\x00", 5) + noise(turn, 16384));
    },                                                                             // a TLS record
    [](int fd, std::uint32_t) { send_for_ever(fd, "", std::string(5000, 'l')); },  // one endless line
    [](int fd, std::uint32_t turn) {                                               // HTTP/2 frames
      send_all(fd, std::string("\0\0\0\x04\0\0\0\0\0", 9) + noise(turn, 4000));
      read_to_end(fd);
    },
};

const std::array<const char*, 12> kModules{
    "{prober: http, http: {preferred_ip_protocol: ip4}}",
    "{prober: http, http: {fail_if_body_matches_regexp: ['(a+)+$'], fail_if_header_matches: [{header: X-Long, regexp: "
    "z}]}}",
    "{prober: http, http: {compression: gzip, body_size_limit: 1MB, fail_if_body_not_matches_regexp: [x]}}",
    "{prober: http, http: {compression: br}}",
    "{prober: tcp}",
    "{prober: tcp, tcp: {query_response: [{expect: '^never$', send: x}]}}",
    "{prober: tcp, tcp: {query_response: [{send: hello}, {expect: 'x'}, {starttls: true}]}}",
    "{prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}",
    "{prober: dns, dns: {query_name: a.test, transport_protocol: tcp}}",
    "{prober: dns, dns: {query_name: a.test, transport_protocol: tcp, dns_over_tls: true}}",
    "{prober: grpc}",
    "{prober: grpc, grpc: {tls: true, tls_config: {insecure_skip_verify: true}}}",
};

/// Runs many probes at once, keeps how each ended, and has a fence behind each deadline: a timer of the probe's own
/// loop. Timers of a loop run in their order however late it is, so a probe that has not ended when its fence is
/// reached has not ended by its deadline, on any machine and under any load.
class Crowd {
 public:
  explicit Crowd(ProbeBench& bench) : bench_(bench) {}
  ~Crowd() {
    wait();
    // A probe that ends while it begins is before its fence: that is still to be looked at, and refers to this.
    std::promise<void> reached;
    bench_.io().post([&reached] { reached.set_value(); });
    reached.get_future().wait();
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// `fence`: how long after the deadline it stands.
  void start(const std::shared_ptr<const probe::Module>& module, const std::string& target, Duration timeout = kTimeout,
             Duration fence = 1ms) {
    const SteadyTime deadline = bench_.engine().now() + timeout;
    std::size_t id = 0;
    {
      MutexLock lock(mutex_);
      id = next_++;
      running_.insert(id);
    }
    bench_.engine().start({module, target, ""}, deadline,
                          [this, id](ProbeResult result) { ended(id, std::move(result)); });
    // Behind the probe's own beginning, so that the fence is reached after its deadline also when both have passed.
    bench_.io().post([this, id, when = deadline + fence, what = module->prober + " " + target] {
      MutexLock lock(mutex_);
      if (!running_.contains(id)) return;
      fences_.emplace(id, bench_.io().call_at(when, [this, what] {
        MutexLock late_lock(mutex_);
        late_.push_back(what);
      }));
    });
  }
  std::vector<ProbeResult> wait() {
    MutexLock lock(mutex_);
    while (!running_.empty())
      done_.wait(mutex_);
    return std::exchange(results_, {});
  }
  /// Probes that were still running when their fence was reached.
  std::vector<std::string> late() {
    MutexLock lock(mutex_);
    return late_;
  }

 private:
  // On the loop thread, as everything that touches fences_.
  void ended(std::size_t id, ProbeResult result) {
    MutexLock lock(mutex_);
    fences_.erase(id);
    results_.push_back(std::move(result));
    running_.erase(id);
    done_.notify_all();
  }

  ProbeBench& bench_;
  Mutex mutex_;
  CondVar done_;
  std::size_t next_ HEAL_GUARDED_BY(mutex_) = 0;
  std::set<std::size_t> running_ HEAL_GUARDED_BY(mutex_);
  std::map<std::size_t, std::unique_ptr<PendingIo>> fences_ HEAL_GUARDED_BY(mutex_);
  std::vector<ProbeResult> results_ HEAL_GUARDED_BY(mutex_);
  std::vector<std::string> late_ HEAL_GUARDED_BY(mutex_);
};

TEST_CASE("the fence sees a probe that is longer under way than it should be") {
  LoopbackServer mute([](int fd) { read_to_end(fd); });
  const auto module = ProbeBench::module("{prober: tcp, tcp: {query_response: [{expect: '^never$'}]}}");
  ProbeBench bench;
  Crowd crowd(bench);
  crowd.start(module, mute.address(), kTimeout, -kTimeout / 2);
  crowd.start(module, mute.address());
  const std::vector<ProbeResult> results = crowd.wait();
  CHECK(results.size() == 2);
  CHECK(crowd.late() == std::vector<std::string>{"tcp " + mute.address()});
}

TEST_CASE("every probe of a hostile target ends by its deadline, and says why") {
  std::atomic<std::uint32_t> turn{0};
  std::vector<std::unique_ptr<LoopbackServer>> servers;
  for (const Misdeed& misdeed : kMisdeeds)
    servers.push_back(std::make_unique<LoopbackServer>([&](int fd) { misdeed(fd, turn.fetch_add(1)); }));
  std::vector<std::shared_ptr<const probe::Module>> modules;
  for (const char* yaml : kModules)
    modules.push_back(ProbeBench::module(yaml));
  ProbeBench bench;
  Crowd crowd(bench);
  for (int round = 0; round < 3; ++round) {
    for (const auto& module : modules) {
      for (const auto& server : servers)
        crowd.start(module, server->address());
    }
    const std::vector<ProbeResult> results = crowd.wait();
    CHECK(results.size() == modules.size() * servers.size());
    for (const ProbeResult& result : results)
      CHECK(result.success == result.reason.empty());
    CHECK(bench.engine().in_flight() == 0);
  }
  CHECK(crowd.late() == kNone);
  LoopbackServer good(http_handler([](const std::string&) { return http_answer("200 OK", "", "x"); }));
  CHECK(verdict(bench.run(kModules[0], good.address())) == "ok");
}

TEST_CASE("name servers that lie without end do not keep a probe beyond its deadline") {
  std::atomic<std::uint32_t> turn{0};
  LoopbackDatagrams server([&](const std::string& query) {
    std::vector<std::string> replies;
    for (int i = 0; i < 50; ++i) {
      const std::uint32_t seed = turn.fetch_add(1);
      std::string reply = noise(seed, seed % 600);
      // Half of them are to the query that was asked.
      if (seed % 2 == 0 && reply.size() > 1) reply.replace(0, 2, query.substr(0, 2));
      replies.push_back(std::move(reply));
    }
    return replies;
  });
  const auto module = ProbeBench::module("{prober: dns, dns: {query_name: a.test, preferred_ip_protocol: ip4}}");
  ProbeBench bench;
  Crowd crowd(bench);
  for (int i = 0; i < 200; ++i)
    crowd.start(module, server.address());
  const std::vector<ProbeResult> results = crowd.wait();
  CHECK(results.size() == 200);
  for (const ProbeResult& result : results)
    CHECK(result.success == result.reason.empty());
  CHECK(crowd.late() == kNone);
  CHECK(bench.engine().in_flight() == 0);
}

TEST_CASE("TLS servers that send gigabytes, or stop in the middle, do not either") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("soak", {});
  TlsTestServer endless(base, [](SSL* ssl) {
    const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
    if (SSL_write(ssl, head.data(), static_cast<int>(head.size())) <= 0) return;
    while (SSL_write(ssl, kBlock.data(), static_cast<int>(kBlock.size())) > 0) {
    }
  });
  TlsTestServer mute(base, [](SSL* ssl) {
    char buffer[4096];
    while (SSL_read(ssl, buffer, sizeof buffer) > 0) {
    }
  });
  const auto http = ProbeBench::module("{prober: http, http: {tls_config: {insecure_skip_verify: true}}}");
  const auto tcp = ProbeBench::module(
      "{prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}, query_response: [{expect: "
      "'^never$'}]}}");
  ProbeBench bench;
  Crowd crowd(bench);
  for (int i = 0; i < 20; ++i) {
    for (const TlsTestServer* server : {&endless, &mute}) {
      crowd.start(http, server->url());
      crowd.start(tcp, server->server().address());
    }
  }
  const std::vector<ProbeResult> results = crowd.wait();
  CHECK(results.size() == 80);
  for (const ProbeResult& result : results) {
    CHECK_FALSE(result.success);
    CHECK_FALSE(result.reason.empty());
  }
  CHECK(crowd.late() == kNone);
}

}  // namespace
}  // namespace heal::test
