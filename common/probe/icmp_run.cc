#include <algorithm>
#include <cmath>
#include <optional>

#include "common/probe/address_pick.h"
#include "common/probe/run.h"

namespace heal::probe {
namespace {

/// The payload that blackbox_exporter sends, so that whoever looks at the wire finds what he knows.
constexpr std::string_view kGreeting = "Prometheus Blackbox Exporter";

/// The icmp prober: an echo request and its reply. Of several requests the first alone decides on success.
class IcmpRun : public ProbeRun {
 public:
  IcmpRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->icmp), io_(io), log_(log), pick_(io, log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  struct Packet {
    enum class State { kWaiting, kAnswered, kLost };
    State state = State::kWaiting;
    EchoReply reply;
    std::unique_ptr<PendingIo> echo, timer;
  };

  void prepare(const IpAddress& ip);
  void send_next();
  void ended(std::size_t index, std::optional<ProbeFailure> failure, const EchoReply& reply);
  void lose(std::size_t index);
  void finish_if_complete();
  void fail(ProbeFailure failure);
  void finish();
  bool is_first(Packet::State state) const { return !packets_.empty() && packets_.front().state == state; }
  std::vector<SampleFamily> families() const;
  void add_packet_families(std::vector<SampleFamily>& families) const;

  const ProbeRequest request_;
  const IcmpSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  AddressPick pick_;
  EchoRequest echo_;
  ProbePhase phase_ = ProbePhase::kTarget;
  bool resolved_ = false;
  SteadyTime first_sent_{};
  Duration setup_{};
  std::vector<Packet> packets_;
  std::unique_ptr<PendingIo> next_;
  std::optional<ProbeFailure> failure_;
  bool finished_ = false;
};

void IcmpRun::start(Done done) {
  done_ = std::move(done);
  phase_ = ProbePhase::kResolve;
  pick_.start(request_.target, settings_.ip, [this](std::optional<ProbeFailure> failure, const IpAddress& ip) {
    if (failure) return fail(*std::move(failure));
    resolved_ = true;
    prepare(ip);
  });
}

void IcmpRun::prepare(const IpAddress& ip) {
  if (std::optional<std::string> refusal = request_.policy->refusal(request_.target, ip, 0)) {
    return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
  }
  phase_ = ProbePhase::kConnect;
  const Result<std::optional<IpAddress>> source = source_address(settings_.source_ip_address);
  if (!source.has_value()) return fail({phase_, ProbeReason::kOther, source.error().message()});
  if (*source && (*source)->is_v6() != ip.is_v6()) {
    return fail(
        {phase_, ProbeReason::kUnreachable, fmt::format("{} cannot be reached from {}", ip.str(), (*source)->str())});
  }
  echo_.to = ip;
  echo_.source = *source;
  echo_.hop_limit = settings_.ttl;
  echo_.fragments = settings_.dont_fragment ? EchoRequest::Fragments::kForbidden : EchoRequest::Fragments::kAllowed;
  echo_.payload = kGreeting;
  if (settings_.payload_size > 0) echo_.payload.resize(static_cast<std::size_t>(settings_.payload_size), '\0');
  packets_.reserve(static_cast<std::size_t>(settings_.packets));
  send_next();
}

void IcmpRun::send_next() {
  const std::size_t index = packets_.size();
  const SteadyTime begun = io_.now();
  Packet& packet = packets_.emplace_back();
  log_.info("Writing out packet", {{"packet", fmt::format("{}", index)}});
  packet.echo = io_.echo(echo_, [this, index](std::optional<ProbeFailure> failure, const EchoReply& reply) {
    ended(index, std::move(failure), reply);
  });
  if (index == 0) {
    first_sent_ = begun;
    setup_ = io_.now() - begun;
    phase_ = ProbePhase::kResponse;
  } else {
    packet.timer = io_.call_at(begun + settings_.packet_timeout, [this, index] { lose(index); });
  }
  next_.reset();
  if (packets_.size() == static_cast<std::size_t>(settings_.packets)) return;
  const SteadyTime due = first_sent_ + settings_.packet_interval * static_cast<std::int64_t>(packets_.size());
  next_ = io_.call_at(due, [this] { send_next(); });
}

void IcmpRun::ended(std::size_t index, std::optional<ProbeFailure> failure, const EchoReply& reply) {
  Packet& packet = packets_[index];
  if (packet.state != Packet::State::kWaiting) return;
  packet.timer.reset();
  packet.state = failure ? Packet::State::kLost : Packet::State::kAnswered;
  packet.reply = reply;
  if (failure) {
    // Without a socket the others would not fare better.
    if (index == 0 && failure->phase == ProbePhase::kConnect) return fail(*std::move(failure));
    log_.info("A packet was not answered", {{"packet", fmt::format("{}", index)}, {"err", failure->message}});
    if (index == 0) failure_ = std::move(failure);
  } else {
    log_.info("Found matching reply packet", {{"packet", fmt::format("{}", index)}});
  }
  finish_if_complete();
}

void IcmpRun::lose(std::size_t index) {
  packets_[index].state = Packet::State::kLost;
  log_.info("A packet was not answered", {{"packet", fmt::format("{}", index)}, {"err", "packet_timeout"}});
  finish_if_complete();
}

void IcmpRun::finish_if_complete() {
  const bool all_sent = packets_.size() == static_cast<std::size_t>(settings_.packets);
  const bool none_waits = std::none_of(packets_.begin(), packets_.end(),
                                       [](const Packet& packet) { return packet.state == Packet::State::kWaiting; });
  if (!all_sent || !none_waits) return;
  if (failure_) return fail(*std::move(failure_));
  finish();
}

void IcmpRun::fail(ProbeFailure failure) {
  log_.failure(failure);
  failure_ = std::move(failure);
  finish();
}

void IcmpRun::abort(ProbeReason reason) {
  if (finished_) return;
  // The first reply is the success; the deadline only ends the counting.
  if (reason == ProbeReason::kTimeout && is_first(Packet::State::kAnswered)) return finish();
  if (failure_) return fail(*std::move(failure_));
  fail(aborted(phase_, reason));
}

void IcmpRun::add_packet_families(std::vector<SampleFamily>& families) const {
  std::vector<double> trips;
  for (const Packet& packet : packets_) {
    if (packet.state == Packet::State::kAnswered) trips.push_back(to_seconds(packet.reply.rtt));
  }
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(gauge_family(name, help, value));
  };
  const auto sent = static_cast<double>(packets_.size());
  const auto received = static_cast<double>(trips.size());
  gauge("heal_probe_icmp_packets_sent", "Echo requests that the probe sent.", sent);
  gauge("heal_probe_icmp_packets_received", "Echo replies that came in time.", received);
  gauge("heal_probe_icmp_loss_ratio", "Share of the echo requests without a reply, from 0 to 1.",
        sent > 0 ? 1 - received / sent : 0);
  if (trips.empty()) return;
  double sum = 0, differences = 0;
  for (std::size_t i = 0; i < trips.size(); ++i) {
    sum += trips[i];
    if (i > 0) differences += std::abs(trips[i] - trips[i - 1]);
  }
  const auto [least, most] = std::minmax_element(trips.begin(), trips.end());
  families.push_back({"heal_probe_icmp_rtt_seconds",
                      "Round-trip times of the echo replies.",
                      {Sample{{{"stat", "min"}}, *least}, Sample{{{"stat", "mean"}}, sum / received},
                       Sample{{{"stat", "max"}}, *most}}});
  if (trips.size() > 1) {
    gauge("heal_probe_icmp_jitter_seconds", "Mean difference between the round-trip times of one reply and the next.",
          differences / (received - 1));
  }
}

std::vector<SampleFamily> IcmpRun::families() const {
  std::vector<SampleFamily> out;
  pick_.add_families(out);
  const bool answered = is_first(Packet::State::kAnswered);
  const bool has_socket = !failure_ || failure_->phase != ProbePhase::kConnect;
  const EchoReply first = answered ? packets_.front().reply : EchoReply{};
  out.push_back({"probe_icmp_duration_seconds",
                 "Duration of icmp request by phase",
                 {Sample{{{"phase", "resolve"}}, resolved_ ? to_seconds(pick_.lookup_time()) : 0},
                  Sample{{{"phase", "setup"}}, has_socket ? to_seconds(setup_) : 0},
                  Sample{{{"phase", "rtt"}}, to_seconds(first.rtt)}}});
  if (first.hop_limit) {
    out.push_back(
        gauge_family("probe_icmp_reply_hop_limit", "Replied packet hop limit (TTL for ipv4)", *first.hop_limit));
  }
  if (settings_.packets > 1) add_packet_families(out);
  return out;
}

void IcmpRun::finish() {
  if (finished_) return;
  finished_ = true;
  pick_.cancel();
  next_.reset();
  RunOutcome outcome{failure_, families()};
  for (Packet& packet : packets_)
    packet.echo.reset(), packet.timer.reset();
  done_(std::move(outcome));
}

}  // namespace

std::unique_ptr<ProbeRun> make_icmp_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<IcmpRun>(request, io, log);
}

}  // namespace heal::probe
