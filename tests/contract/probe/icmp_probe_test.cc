// Echo requests on the loopback interface, with the sockets that this process may have.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/base/scoped_fd.h"
#include "tests/contract/probe/probe_bench.h"

namespace heal::test {
namespace {

/// Runs `work` on a thread of its own, whose changes of itself end with it.
template <typename Work>
void on_a_thread(Work work) {
  std::thread thread(std::move(work));
  thread.join();
}

bool has_ipv6_loopback() {
  std::ifstream addresses("/proc/net/if_inet6");
  for (std::string line; std::getline(addresses, line);) {
    if (line.ends_with(" lo")) return true;
  }
  return false;
}

void must_ping() {
  ProbeBench bench;
  const ProbeResult result = bench.run("{prober: icmp}", "127.0.0.1");
  INFO(result.message);
  REQUIRE(result.phase != "connect");
}

TEST_CASE("a host that is there answers, in both families") {
  must_ping();
  ProbeBench bench;
  const ProbeResult v4 = bench.run("{prober: icmp}", "127.0.0.1");
  CHECK(verdict(v4) == "ok");
  CHECK(value_of(v4, "probe_ip_protocol") == 4);
  CHECK(value_of(v4, "probe_icmp_reply_hop_limit") == 64);
  CHECK(*value_of(v4, "probe_icmp_duration_seconds", {{"phase", "rtt"}}) > 0);
  CHECK(*value_of(v4, "probe_icmp_duration_seconds", {{"phase", "setup"}}) > 0);
  if (!has_ipv6_loopback()) {
    WARN("skipped: no IPv6 here");
    return;
  }
  const ProbeResult v6 = bench.run("{prober: icmp}", "::1");
  CHECK(verdict(v6) == "ok");
  CHECK(value_of(v6, "probe_ip_protocol") == 6);
  CHECK(value_of(v6, "probe_icmp_reply_hop_limit") == 64);
  CHECK(verdict(bench.run("{prober: icmp, icmp: {source_ip_address: '::1', payload_size: 2000, ttl: 9}}", "::1")) ==
        "ok");
}

TEST_CASE("every key goes with a real packet") {
  must_ping();
  ProbeBench bench;
  for (const char* keys : {"ttl: 1", "ttl: 0", "dont_fragment: true", "payload_size: 1", "payload_size: 65507",
                           "dont_fragment: true, payload_size: 9000, ttl: 7, source_ip_address: 127.0.0.1"}) {
    CAPTURE(keys);
    CHECK(verdict(bench.run("{prober: icmp, icmp: {" + std::string(keys) + "}}", "127.0.0.1")) == "ok");
  }
  CHECK(verdict(bench.run("{prober: icmp, icmp: {source_ip_address: 192.0.2.77}}", "127.0.0.1")) ==
        "connect/unreachable");
  CHECK(verdict(bench.run("{prober: icmp, icmp: {ip_protocol_fallback: false}}", "127.0.0.1")) == "resolve/no_address");
}

TEST_CASE("several packets of one probe, and many probes at once, find their own replies") {
  must_ping();
  ProbeBench bench;
  const ProbeResult several = bench.run("{prober: icmp, icmp: {packets: 5, packet_interval: 1ms}}", "127.0.0.1");
  CHECK(verdict(several) == "ok");
  CHECK(value_of(several, "heal_probe_icmp_packets_received") == 5);
  CHECK(value_of(several, "heal_probe_icmp_loss_ratio") == 0);
  CHECK(value_of(several, "heal_probe_icmp_jitter_seconds"));

  constexpr std::size_t kMany = 2000;
  const auto module = ProbeBench::module("{prober: icmp}");
  Mutex mutex;
  CondVar changed;
  std::size_t ended = 0, succeeded = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    const std::string target = fmt::format("127.0.{}.{}", i / 250, i % 250 + 1);
    bench.engine().start({module, target, ""}, bench.engine().now() + 20s, [&](const ProbeResult& result) {
      MutexLock lock(mutex);
      ++ended;
      succeeded += result.success ? 1 : 0;
      changed.notify_all();
    });
  }
  MutexLock lock(mutex);
  while (ended < kMany)
    changed.wait(mutex);
  CHECK(succeeded == kMany);
}

/// Turns the loopback interface of this network namespace on.
bool raise_loopback() {
  const ScopedFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

bool drop_raw_sockets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  data[0].effective &= ~(1U << CAP_NET_RAW);
  return ::syscall(SYS_capset, &header, data) == 0;
}

TEST_CASE("an unprivileged socket does where the system allows it, and without any the probe says which were tried") {
  on_a_thread([] {
    if (::unshare(CLONE_NEWNET) != 0 || !raise_loopback() || !drop_raw_sockets()) {
      FAIL_CHECK("no network namespace of our own: " << std::strerror(errno));
      return;
    }
    const auto allow = [](const char* range) { std::ofstream("/proc/sys/net/ipv4/ping_group_range") << range; };
    allow("1 0");
    {
      ProbeBench bench;
      const ProbeResult refused = bench.run("{prober: icmp}", "127.0.0.1");
      CHECK(verdict(refused) == "connect/other");
      CHECK(refused.message ==
            "no ICMP socket: unprivileged (net.ipv4.ping_group_range): Permission denied; raw (CAP_NET_RAW): "
            "Operation not permitted");
      CHECK(value_of(refused, "probe_icmp_duration_seconds", {{"phase", "setup"}}) == 0);
    }
    allow("0 2147483647");
    ProbeBench bench;
    const ProbeResult allowed =
        bench.run("{prober: icmp, icmp: {dont_fragment: true, ttl: 5, packets: 3, packet_interval: 1ms}}", "127.0.0.1");
    CHECK(verdict(allowed) == "ok");
    CHECK(value_of(allowed, "heal_probe_icmp_packets_received") == 3);
    CHECK(value_of(allowed, "probe_icmp_reply_hop_limit") == 64);
    CHECK(verdict(bench.run("{prober: icmp, icmp: {source_ip_address: 127.0.0.1}}", "127.0.0.1")) == "ok");
    // Nothing leads out of this namespace.
    CHECK(verdict(bench.run("{prober: icmp}", "192.0.2.1")) == "send/unreachable");
  });
}

}  // namespace
}  // namespace heal::test
