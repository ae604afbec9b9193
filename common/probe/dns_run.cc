#include <algorithm>
#include <optional>

#include "common/base/text.h"
#include "common/probe/address_pick.h"
#include "common/probe/dns_checks.h"
#include "common/probe/run.h"
#include "common/probe/service_port.h"
#include "common/probe/url.h"
#include "common/wire/dns_message.h"
#include "common/wire/dns_names.h"

namespace heal::probe {
namespace {

/// What a client takes that did not offer more by EDNS. Source: RFC 1035, 4.2.1.
constexpr std::size_t kMaxDatagram = 512;
/// Records of a section in the log.
constexpr std::size_t kMostLogged = 20;

/// The dns prober: sends one query and judges the answer. There is no retry, and no TCP after a truncated answer.
class DnsRun : public ProbeRun {
 public:
  DnsRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->dns), io_(io), log_(log), pick_(io, log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  bool is_udp() const { return settings_.transport_protocol != "tcp"; }
  std::optional<ProbeFailure> transport_failure() const;
  void dial(const IpAddress& ip);
  void connected(std::optional<ProbeFailure> failure);
  void start_tls();
  void send_query();
  void read_more();
  void received(std::string_view bytes);
  void received_datagram(std::string_view bytes);
  void received_stream(std::string_view bytes);
  void judge(std::string_view message);
  void judge_answer();
  void fail(ProbeFailure failure);
  void finish();
  std::vector<SampleFamily> families() const;

  const ProbeRequest request_;
  const DnsSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  AddressPick pick_;
  HostPort target_;
  std::uint16_t query_type_ = 255, query_class_ = 1;
  std::unique_ptr<ByteStream> stream_;
  std::uint16_t id_ = 0;
  std::string incoming_;
  std::optional<DnsAnswer> answer_;
  ProbePhase phase_ = ProbePhase::kTarget;
  std::optional<SteadyTime> dialed_, sent_, ended_;
  std::optional<ProbeFailure> failure_;
  bool finished_ = false;
};

/// As messages stand in a stream. Source: RFC 1035, 4.2.2.
std::string with_length(const std::string& message) {
  const std::string length{static_cast<char>(message.size() >> 8U), static_cast<char>(message.size() & 0xffU)};
  return length + message;
}

/// `host:port`; a target that is none is a host on the usual port.
HostPort dns_target(const std::string& target, const DnsSettings& settings) {
  Result<HostPort> parts = split_host_port(target);
  if (parts.has_value()) return *std::move(parts);
  return {target, settings.dns_over_tls ? "853" : "53"};
}

std::optional<ProbeFailure> DnsRun::transport_failure() const {
  const std::string& transport = settings_.transport_protocol;
  if (transport.empty() || transport == "udp" || transport == "tcp") return std::nullopt;
  return ProbeFailure{ProbePhase::kTarget, ProbeReason::kOther,
                      fmt::format("transport_protocol \"{}\" is neither udp nor tcp", printable(transport))};
}

void DnsRun::start(Done done) {
  done_ = std::move(done);
  if (std::optional<ProbeFailure> failure = transport_failure()) return fail(*std::move(failure));
  query_type_ = dns_type_code(settings_.query_type).value_or(query_type_);
  query_class_ = dns_class_code(settings_.query_class).value_or(query_class_);
  target_ = dns_target(request_.target, settings_);
  phase_ = ProbePhase::kResolve;
  pick_.start(target_.host, settings_.ip, [this](std::optional<ProbeFailure> failure, const IpAddress& ip) {
    if (failure) return fail(*std::move(failure));
    dial(ip);
  });
}

void DnsRun::dial(const IpAddress& ip) {
  if (settings_.dns_over_tls && is_udp()) {
    return fail({ProbePhase::kTarget, ProbeReason::kOther, "dns_over_tls needs transport_protocol tcp"});
  }
  const Status prepared = settings_.dns_over_tls ? io_.prepare_tls(settings_.tls_config) : Status();
  if (!prepared.has_value()) return fail({ProbePhase::kTls, ProbeReason::kTlsConfig, prepared.error().str()});
  const Result<std::optional<IpAddress>> source = source_address(settings_.source_ip_address);
  if (!source.has_value()) return fail({ProbePhase::kConnect, ProbeReason::kOther, source.error().message()});
  if (*source) log_.info("Using local address", {{"srcIP", (*source)->str()}});
  dialed_ = io_.now();
  const std::optional<std::uint16_t> port = port_of(target_.port, is_udp() ? PortTransport::kUdp : PortTransport::kTcp);
  if (!port) {
    return fail({ProbePhase::kTarget, ProbeReason::kInvalidTarget,
                 fmt::format("\"{}\" is not a port", printable(target_.port))});
  }
  if (std::optional<std::string> refusal = request_.policy->refusal(target_.host, ip, *port)) {
    return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
  }
  phase_ = ProbePhase::kConnect;
  log_.info("Making DNS query", {{"target", join_host_port(ip.str(), *port)},
                                 {"dial_protocol", is_udp()                 ? "udp"
                                                   : settings_.dns_over_tls ? "tcp-tls"
                                                                            : "tcp"},
                                 {"query", settings_.query_name},
                                 {"type", dns_type_name(query_type_)},
                                 {"class", dns_class_name(query_class_)}});
  stream_ = is_udp() ? io_.open_datagrams() : io_.open_stream();
  stream_->connect({ip, *port}, *source,
                   [this](std::optional<ProbeFailure> failure) { connected(std::move(failure)); });
}

void DnsRun::connected(std::optional<ProbeFailure> failure) {
  if (failure) return fail(*std::move(failure));
  if (settings_.dns_over_tls) return start_tls();
  send_query();
}

void DnsRun::start_tls() {
  phase_ = ProbePhase::kTls;
  TlsSettings settings = settings_.tls_config;
  if (settings.server_name.empty()) settings.server_name = target_.host;
  stream_->start_tls(settings, [this](std::optional<ProbeFailure> failure, const TlsFacts&) {
    if (failure) return fail(*std::move(failure));
    send_query();
  });
}

void DnsRun::send_query() {
  phase_ = ProbePhase::kSend;
  id_ = io_.random_id();
  const auto recursion =
      settings_.recursion_desired ? DnsQuestion::Recursion::kDesired : DnsQuestion::Recursion::kNotDesired;
  Result<std::string> query = dns_query(id_, {settings_.query_name, query_type_, query_class_, recursion});
  if (!query.has_value()) return fail({ProbePhase::kSend, ProbeReason::kOther, query.error().message()});
  std::string bytes = *std::move(query);
  if (!is_udp()) bytes = with_length(bytes);
  sent_ = io_.now();
  stream_->write(std::move(bytes), [this](std::optional<ProbeFailure> failure) {
    if (failure) {
      sent_.reset();
      return fail(*std::move(failure));
    }
    phase_ = ProbePhase::kResponse;
    read_more();
  });
}

void DnsRun::read_more() {
  stream_->read([this](std::optional<ProbeFailure> failure, std::string_view bytes) {
    if (failure) return fail(*std::move(failure));
    received(bytes);
  });
}

void DnsRun::received(std::string_view bytes) {
  if (is_udp()) return received_datagram(bytes);
  received_stream(bytes);
}

void DnsRun::received_datagram(std::string_view bytes) {
  const std::optional<std::uint16_t> id = dns_message_id(bytes);
  if (id && *id != id_) {
    log_.info("Ignoring an answer to another query", {{"id", fmt::format("{}", *id)}});
    return read_more();
  }
  if (bytes.size() > kMaxDatagram) {
    log_.info("The answer is cut", {{"bytes", fmt::format("{}", bytes.size())}, {"limit", "512"}});
  }
  judge(bytes.substr(0, kMaxDatagram));
}

void DnsRun::received_stream(std::string_view bytes) {
  if (bytes.empty()) {
    return fail({ProbePhase::kResponse, ProbeReason::kClosed, "the other side closed before its answer was complete"});
  }
  incoming_ += bytes;
  if (incoming_.size() < 2) return read_more();
  const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(incoming_[0])) << 8U |
                             static_cast<unsigned char>(incoming_[1]);
  if (incoming_.size() < 2 + length) return read_more();
  judge(std::string_view(incoming_).substr(2, length));
}

void DnsRun::judge(std::string_view message) {
  ended_ = io_.now();
  Result<DnsAnswer> answer = parse_dns_answer(message);
  if (!answer.has_value()) {
    return fail({ProbePhase::kResponse, ProbeReason::kProtocol,
                 fmt::format("the answer cannot be read: {}", answer.error().message())});
  }
  if (answer->id != id_) {
    return fail({ProbePhase::kResponse, ProbeReason::kProtocol, "the answer is to another query"});
  }
  answer_ = *std::move(answer);
  judge_answer();
}

void DnsRun::judge_answer() {
  log_.info("Got response", {{"rcode", dns_rcode_name(answer_->rcode)},
                             {"answer", fmt::format("{}", answer_->answer.size())},
                             {"authority", fmt::format("{}", answer_->authority.size())},
                             {"additional", fmt::format("{}", answer_->additional.size())}});
  if (answer_->kind == DnsAnswer::Kind::kQuery) log_.info("The answer says of itself that it is a query");
  if (answer_->completeness == DnsAnswer::Completeness::kTruncated) log_.info("The answer is truncated (TC)");
  for (const auto* records : {&answer_->answer, &answer_->authority, &answer_->additional}) {
    for (std::size_t i = 0; i < std::min(records->size(), kMostLogged); ++i)
      log_.info("Validating RR", {{"rr", (*records)[i].text}});
  }
  phase_ = ProbePhase::kStatus;
  std::optional<ProbeFailure> failure = check_rcode(settings_, answer_->rcode);
  if (!failure) failure = check_records("answer", settings_.answer, answer_->answer);
  if (!failure) failure = check_records("authority", settings_.authority, answer_->authority);
  if (!failure) failure = check_records("additional", settings_.additional, answer_->additional);
  if (failure) return fail(*std::move(failure));
  finish();
}

void DnsRun::fail(ProbeFailure failure) {
  log_.failure(failure);
  failure_ = std::move(failure);
  finish();
}

void DnsRun::abort(ProbeReason reason) {
  if (finished_) return;
  fail(aborted(phase_, reason, stream_ ? stream_->tls_turn() : TlsTurn()));
}

std::vector<SampleFamily> DnsRun::families() const {
  std::vector<SampleFamily> out;
  pick_.add_families(out);
  const bool resolved = dialed_ || (failure_ && failure_->phase != ProbePhase::kResolve);
  // Waiting for a turn to begin TLS is our own doing.
  const Duration waited = stream_ ? stream_->tls_turn().waited : Duration::zero();
  const Duration connect = dialed_ ? sent_.value_or(*ended_) - *dialed_ - waited : Duration::zero();
  const Duration request = sent_ ? *ended_ - *sent_ : Duration::zero();
  out.push_back(
      {"probe_dns_duration_seconds",
       "Duration of DNS request by phase",
       {Sample{{{"phase", "resolve"}}, resolved ? to_seconds(pick_.lookup_time()) : 0},
        Sample{{{"phase", "connect"}}, to_seconds(connect)}, Sample{{{"phase", "request"}}, to_seconds(request)}}});
  const auto count = [&](const char* name, const char* help, std::vector<DnsRecord> DnsAnswer::*records) {
    out.push_back(gauge_family(name, help, answer_ ? static_cast<double>(((*answer_).*records).size()) : 0));
  };
  count("probe_dns_answer_rrs", "Returns number of entries in the answer resource record list", &DnsAnswer::answer);
  count("probe_dns_authority_rrs", "Returns number of entries in the authority resource record list",
        &DnsAnswer::authority);
  count("probe_dns_additional_rrs", "Returns number of entries in the additional resource record list",
        &DnsAnswer::additional);
  out.push_back(gauge_family("probe_dns_query_succeeded", "Displays whether or not the query was executed successfully",
                             answer_ ? 1 : 0));
  if (!answer_ || query_type_ != *dns_type_code("SOA")) return out;
  double serial = 0;
  for (const DnsRecord& record : answer_->answer)
    serial = record.soa_serial ? *record.soa_serial : serial;
  out.push_back(gauge_family("probe_dns_serial", "Returns the serial number of the zone", serial));
  return out;
}

void DnsRun::finish() {
  if (finished_) return;
  finished_ = true;
  pick_.cancel();
  if (!ended_) ended_ = io_.now();
  done_({failure_, families()});
}

}  // namespace

std::unique_ptr<ProbeRun> make_dns_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<DnsRun>(request, io, log);
}

}  // namespace heal::probe
