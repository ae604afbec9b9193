#include <catch2/catch.hpp>

#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

const IpAddress kHost = *IpAddress::parse("192.0.2.7");

Module icmp_module(int packets = 1) {
  Module module;
  module.prober = "icmp";
  module.icmp.packets = packets;
  return module;
}

/// A host whose n-th reply takes the n-th of these times; a negative one never comes.
SimProbeIo::EchoHost host_of(std::vector<Duration> trips) {
  return [trips = std::move(trips), next = std::size_t{0}](const EchoRequest&) mutable -> std::optional<EchoReply> {
    const Duration trip = trips.at(next++);
    if (trip < Duration::zero()) return std::nullopt;
    return EchoReply{trip, 61};
  };
}

TEST_CASE("a reply is a success, with its time and hop limit, and without families of our own") {
  RunBench bench;
  EchoRequest seen;
  bench.io.answer_echoes(kHost, [&](const EchoRequest& request) {
    seen = request;
    return EchoReply{30ms, 61};
  });
  bench.run(icmp_module(), "192.0.2.7");
  CHECK(bench.verdict() == "ok");
  CHECK(bench.value("probe_icmp_duration_seconds", {{"phase", "rtt"}}) == 0.03);
  CHECK(bench.value("probe_icmp_reply_hop_limit") == 61);
  CHECK_FALSE(bench.value("heal_probe_icmp_loss_ratio"));
  CHECK(seen.payload == "Prometheus Blackbox Exporter");
  CHECK(seen.hop_limit == 64);
  CHECK(seen.fragments == EchoRequest::Fragments::kAllowed);
}

TEST_CASE("the keys reach the packet") {
  RunBench bench;
  EchoRequest seen;
  bench.io.answer_echoes(kHost, [&](const EchoRequest& request) {
    seen = request;
    return EchoReply{};
  });
  Module module = icmp_module();
  module.icmp.payload_size = 32;
  module.icmp.ttl = 3;
  module.icmp.dont_fragment = true;
  module.icmp.source_ip_address = "192.0.2.1";
  bench.run(module, "192.0.2.7");
  CHECK(seen.payload == std::string("Prometheus Blackbox Exporter") + std::string(4, '\0'));
  CHECK(seen.hop_limit == 3);
  CHECK(seen.fragments == EchoRequest::Fragments::kForbidden);
  CHECK(seen.source == IpAddress::parse("192.0.2.1"));
  module.icmp.source_ip_address = "2001:db8::1";
  bench.run(module, "192.0.2.7");
  CHECK(bench.verdict() == "connect/unreachable: 192.0.2.7 cannot be reached from 2001:db8::1");
}

TEST_CASE("no reply ends at the deadline") {
  RunBench bench;
  bench.run(icmp_module(), "192.0.2.8", 2s);
  CHECK(bench.verdict() == "response/timeout: the deadline passed");
  CHECK(bench.result.duration == 2s);
  CHECK(bench.value("probe_icmp_duration_seconds", {{"phase", "rtt"}}) == 0);
  CHECK_FALSE(bench.value("probe_icmp_reply_hop_limit"));
}

TEST_CASE("several packets tell loss, times and jitter; the first is still the probe") {
  RunBench bench;
  bench.io.answer_echoes(kHost, host_of({10ms, 30ms, -1ms, 20ms}));
  bench.run(icmp_module(4), "192.0.2.7");
  CHECK(bench.verdict() == "ok");
  CHECK(bench.value("probe_icmp_duration_seconds", {{"phase", "rtt"}}) == 0.01);
  CHECK(bench.value("heal_probe_icmp_packets_sent") == 4);
  CHECK(bench.value("heal_probe_icmp_packets_received") == 3);
  CHECK(bench.value("heal_probe_icmp_loss_ratio") == 0.25);
  CHECK(bench.value("heal_probe_icmp_rtt_seconds", {{"stat", "min"}}) == Approx(0.01));
  CHECK(bench.value("heal_probe_icmp_rtt_seconds", {{"stat", "mean"}}) == Approx(0.02));
  CHECK(bench.value("heal_probe_icmp_rtt_seconds", {{"stat", "max"}}) == Approx(0.03));
  CHECK(bench.value("heal_probe_icmp_jitter_seconds") == Approx(0.015));
  // The third was sent after 100 ms and given up a second later.
  CHECK(bench.result.duration == 1100ms);
}

TEST_CASE("the first packet is waited for until the deadline, however many others are answered") {
  RunBench bench;
  bench.io.answer_echoes(kHost, host_of({-1ms, 10ms}));
  bench.run(icmp_module(2), "192.0.2.7", 3s);
  CHECK(bench.verdict() == "response/timeout: the deadline passed");
  CHECK(bench.result.duration == 3s);
  CHECK(bench.value("heal_probe_icmp_loss_ratio") == 0.5);
  bench.io.answer_echoes(kHost, host_of({2s, 10ms}));
  bench.run(icmp_module(2), "192.0.2.7", 3s);
  CHECK(bench.verdict() == "ok");
  CHECK(bench.result.duration == 2s);
}

TEST_CASE("the deadline ends the counting and does not fail a probe whose first packet came back") {
  RunBench bench;
  bench.io.answer_echoes(kHost, host_of({10ms, -1ms, 10ms}));
  Module module = icmp_module(3);
  module.icmp.packet_timeout = 10s;
  bench.run(module, "192.0.2.7", 2s);
  CHECK(bench.verdict() == "ok");
  CHECK(bench.result.duration == 2s);
  CHECK(bench.value("heal_probe_icmp_packets_received") == 2);
}

TEST_CASE("entries of allow_targets with a port do not hold a ping") {
  RunBench bench;
  bench.io.answer_echoes(kHost, host_of({10ms, 10ms}));
  bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::create({"192.0.2.7:80"}));
  bench.run(icmp_module(), "192.0.2.7");
  CHECK(bench.verdict() == "target/not_allowed: allow_targets does not hold 192.0.2.7 at 192.0.2.7");
  bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::create({"192.0.2.0/24"}));
  bench.run(icmp_module(), "192.0.2.7");
  CHECK(bench.verdict() == "ok");
}

}  // namespace
}  // namespace heal::probe
