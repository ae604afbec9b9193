#include <optional>

#include "common/base/text.h"
#include "common/probe/address_pick.h"
#include "common/probe/expand.h"
#include "common/probe/line_buffer.h"
#include "common/probe/run.h"
#include "common/probe/service_port.h"
#include "common/probe/tls_families.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

/// The tcp prober: connects, and holds the module's dialogue line by line.
class TcpRun : public ProbeRun {
 public:
  TcpRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->tcp), io_(io), log_(log), pick_(io, log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  enum class Part { kExpect, kSend, kStartTls };

  void dial(const IpAddress& ip);
  void connected(std::optional<ProbeFailure> failure);
  void start_tls(ByteStream::TlsDone done);
  void run_step();
  void next_part();
  void expect_line();
  void read_more();
  void send_line();
  void upgrade();
  void fail(ProbeFailure failure);
  void finish();

  const ProbeRequest request_;
  const TcpSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  AddressPick pick_;
  HostPort target_;
  std::unique_ptr<ByteStream> stream_;
  ProbePhase phase_ = ProbePhase::kTarget;
  std::size_t step_ = 0;
  Part part_ = Part::kExpect;
  std::string outgoing_;
  LineBuffer lines_;
  std::optional<TlsFacts> tls_;
  bool failed_by_regexp_ = false;
  std::optional<ProbeFailure> failure_;
  bool finished_ = false;
};

void TcpRun::start(Done done) {
  done_ = std::move(done);
  Result<HostPort> target = split_host_port(request_.target);
  if (!target.has_value()) {
    log_.error("Error splitting target address and port", {{"err", target.error().message()}});
    return fail({ProbePhase::kTarget, ProbeReason::kInvalidTarget, target.error().message()});
  }
  target_ = *std::move(target);
  phase_ = ProbePhase::kResolve;
  pick_.start(target_.host, settings_.ip, [this](std::optional<ProbeFailure> failure, const IpAddress& ip) {
    if (failure) return fail(*std::move(failure));
    dial(ip);
  });
}

void TcpRun::dial(const IpAddress& ip) {
  const std::optional<std::uint16_t> port = port_of(target_.port, PortTransport::kTcp);
  if (!port) {
    return fail({ProbePhase::kTarget, ProbeReason::kInvalidTarget,
                 fmt::format("\"{}\" is not a port", printable(target_.port))});
  }
  if (std::optional<std::string> refusal = request_.policy->refusal(target_.host, ip, *port)) {
    return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
  }
  const Result<std::optional<IpAddress>> source = source_address(settings_.source_ip_address);
  if (!source.has_value()) return fail({ProbePhase::kConnect, ProbeReason::kOther, source.error().message()});
  if (*source) log_.info("Using local address", {{"srcIP", (*source)->str()}});
  phase_ = ProbePhase::kConnect;
  log_.info(settings_.tls ? "Dialing TCP with TLS" : "Dialing TCP without TLS");
  stream_ = io_.open_stream();
  stream_->connect({ip, *port}, *source,
                   [this](std::optional<ProbeFailure> failure) { connected(std::move(failure)); });
}

void TcpRun::connected(std::optional<ProbeFailure> failure) {
  if (failure) return fail(*std::move(failure));
  if (!settings_.tls) {
    log_.info("Successfully dialed");
    return run_step();
  }
  start_tls([this](std::optional<ProbeFailure> tls_failure, TlsFacts facts) {
    if (tls_failure) return fail(*std::move(tls_failure));
    tls_ = std::move(facts);
    log_.info("Successfully dialed");
    run_step();
  });
}

void TcpRun::start_tls(ByteStream::TlsDone done) {
  phase_ = ProbePhase::kTls;
  TlsSettings settings = settings_.tls_config;
  if (settings.server_name.empty()) settings.server_name = target_.host;
  stream_->start_tls(settings, std::move(done));
}

void TcpRun::run_step() {
  if (step_ == settings_.query_response.size()) return finish();
  const QueryResponse& step = settings_.query_response[step_];
  log_.info("Processing query response entry", {{"entry_number", fmt::format("{}", step_)}});
  outgoing_ = step.send;
  part_ = Part::kExpect;
  if (step.expect) {
    expect_line();
  } else {
    next_part();
  }
}

void TcpRun::next_part() {
  if (part_ == Part::kExpect) {
    part_ = Part::kSend;
    if (!outgoing_.empty()) return send_line();
  }
  if (part_ == Part::kSend) {
    part_ = Part::kStartTls;
    if (settings_.query_response[step_].starttls) return upgrade();
  }
  ++step_;
  run_step();
}

void TcpRun::expect_line() {
  phase_ = ProbePhase::kExpect;
  const Regex& regexp = *settings_.query_response[step_].expect;
  while (const std::optional<std::string> line = lines_.next()) {
    const std::vector<std::string> groups = regexp.captures(*line);
    if (groups.empty()) continue;
    log_.info("Regexp matched", {{"regexp", regexp.pattern()}, {"line", *line}});
    failed_by_regexp_ = false;
    outgoing_ = expand_groups(outgoing_, groups, regexp.group_names());
    return next_part();
  }
  if (lines_.is_too_long()) {
    return fail({ProbePhase::kExpect, ProbeReason::kTooLarge, "a line is over 64 KiB"});
  }
  if (lines_.has_ended()) {
    failed_by_regexp_ = true;
    return fail({ProbePhase::kExpect, ProbeReason::kRegexp,
                 fmt::format("the other side closed before a line matched {}", regexp.pattern())});
  }
  read_more();
}

void TcpRun::read_more() {
  stream_->read([this](std::optional<ProbeFailure> failure, std::string_view bytes) {
    if (failure) {
      failure->phase = ProbePhase::kExpect;
      return fail(*std::move(failure));
    }
    if (bytes.empty()) {
      lines_.end();
    } else {
      lines_.add(bytes);
    }
    expect_line();
  });
}

void TcpRun::send_line() {
  phase_ = ProbePhase::kSend;
  stream_->write(outgoing_ + "\n", [this](std::optional<ProbeFailure> failure) {
    if (failure) return fail(*std::move(failure));
    next_part();
  });
}

void TcpRun::upgrade() {
  start_tls([this](std::optional<ProbeFailure> failure, TlsFacts facts) {
    if (failure) return fail(*std::move(failure));
    log_.info("TLS Handshake (client) succeeded.");
    tls_ = std::move(facts);
    // What came in clear before the handshake must not be taken for an answer in confidence.
    lines_ = {};
    next_part();
  });
}

void TcpRun::fail(ProbeFailure failure) {
  log_.error(failure.message,
             {{"phase", std::string(to_string(failure.phase))}, {"reason", std::string(to_string(failure.reason))}});
  failure_ = std::move(failure);
  finish();
}

void TcpRun::abort(ProbeReason reason) {
  if (finished_) return;
  fail(aborted(phase_, reason, stream_ ? stream_->tls_turn() : TlsTurn()));
}

void TcpRun::finish() {
  if (finished_) return;
  finished_ = true;
  pick_.cancel();
  RunOutcome outcome{failure_, {}};
  pick_.add_families(outcome.families);
  outcome.families.push_back(
      gauge_family("probe_failed_due_to_regex", "Indicates if probe failed due to regex", failed_by_regexp_ ? 1 : 0));
  if (tls_) add_tls_families(*tls_, outcome.families);
  done_(std::move(outcome));
}

}  // namespace

std::unique_ptr<ProbeRun> make_tcp_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<TcpRun>(request, io, log);
}

}  // namespace heal::probe
