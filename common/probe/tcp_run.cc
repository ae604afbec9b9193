#include <algorithm>
#include <optional>

#include "common/base/text.h"
#include "common/probe/address_pick.h"
#include "common/probe/dialogue.h"
#include "common/probe/run.h"
#include "common/probe/service_port.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

/// The tcp prober: connects, and holds the module's dialogue.
class TcpRun : public ProbeRun {
 public:
  TcpRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->tcp), io_(io), log_(log), pick_(io, log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  void dial(const IpAddress& ip);
  void connected(std::optional<ProbeFailure> failure);
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
  std::optional<Dialogue> dialogue_;
  ProbePhase phase_ = ProbePhase::kTarget;  ///< before the dialogue
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
  TlsSettings tls = settings_.tls_config;
  if (tls.server_name.empty()) tls.server_name = request_.hostname.empty() ? target_.host : request_.hostname;
  dialogue_.emplace(*stream_, settings_.query_response, std::move(tls), log_);
  dialogue_->start(settings_.tls ? Dialogue::Tls::kFirst : Dialogue::Tls::kByStarttls,
                   [this](std::optional<ProbeFailure> dialogue_failure) {
                     if (dialogue_failure) return fail(*std::move(dialogue_failure));
                     finish();
                   });
}

void TcpRun::fail(ProbeFailure failure) {
  log_.failure(failure);
  failure_ = std::move(failure);
  finish();
}

void TcpRun::abort(ProbeReason reason) {
  if (finished_) return;
  fail(aborted(dialogue_ ? dialogue_->phase() : phase_, reason, stream_ ? stream_->tls_turn() : TlsTurn()));
}

void TcpRun::finish() {
  if (finished_) return;
  finished_ = true;
  pick_.cancel();
  RunOutcome outcome{failure_, {}};
  pick_.add_families(outcome.families);
  outcome.families.push_back(gauge_family("probe_failed_due_to_regex", "Indicates if probe failed due to regex",
                                          dialogue_ && dialogue_->failed_by_regexp() ? 1 : 0));
  // Modules that blackbox_exporter 0.23 can read have its metrics.
  const bool has_bytes = std::any_of(settings_.query_response.begin(), settings_.query_response.end(),
                                     [](const QueryResponse& step) { return !step.expect_bytes.empty(); });
  if (dialogue_ && dialogue_->has_begun() && has_bytes) {
    outcome.families.push_back(gauge_family("probe_failed_due_to_bytes", "Indicates if probe failed due to bytes",
                                            dialogue_->failed_by_bytes() ? 1 : 0));
  }
  if (dialogue_) dialogue_->add_families(outcome.families);
  done_(std::move(outcome));
}

}  // namespace

std::unique_ptr<ProbeRun> make_tcp_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<TcpRun>(request, io, log);
}

}  // namespace heal::probe
