#include <optional>

#include "common/base/base64.h"
#include "common/base/text.h"
#include "common/probe/address_pick.h"
#include "common/probe/grpc_message.h"
#include "common/probe/http_request.h"
#include "common/probe/run.h"
#include "common/probe/tls_families.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

/// A health answer has ten bytes.
constexpr std::size_t kMaxGrpcBody = 64 << 10U;

/// The grpc prober: one call of grpc.health.v1.Health/Check over HTTP/2.
class GrpcRun : public ProbeRun, private HttpHopObserver {
 public:
  GrpcRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->grpc), io_(io), log_(log), pick_(io, log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  void call(const IpAddress& ip);
  HttpHop hop(const SocketAddress& address) const;
  Next on_head(HttpHopHead head) override;
  Next on_body(std::string_view bytes) override;
  void on_trailer(std::string_view name, std::string_view value) override;
  void on_done(std::optional<ProbeFailure> failure) override;
  void take_status(std::string_view name, std::string_view value);
  std::optional<ProbeFailure> judge(std::optional<ProbeFailure> transfer_failure);
  std::optional<ProbeFailure> judge_answer();
  void fail(ProbeFailure failure);
  void finish();
  std::vector<SampleFamily> families() const;

  const ProbeRequest request_;
  const GrpcSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  AddressPick pick_;
  Url url_;
  std::uint16_t port_ = 0;
  std::unique_ptr<HttpExchange> exchange_;
  ProbePhase phase_ = ProbePhase::kTarget;
  bool resolved_ = false;
  std::optional<SteadyTime> called_;
  SteadyTime ended_{};
  Duration tls_wait_{};  ///< for a turn to begin the handshake: our own doing
  HttpHopHead head_;
  std::string body_;
  bool too_large_ = false;
  std::optional<int> told_status_;  ///< by the server
  std::string told_message_;
  int code_ = kGrpcOk;
  std::optional<ServingStatus> serving_;
  std::optional<ProbeFailure> failure_;
  bool finished_ = false;
};

void GrpcRun::start(Done done) {
  done_ = std::move(done);
  const bool has_scheme = request_.target.starts_with("http://") || request_.target.starts_with("https://");
  Result<Url> url = Url::parse(has_scheme ? request_.target : "http://" + request_.target);
  if (!url.has_value()) {
    log_.error("Could not parse target URL", {{"err", url.error().message()}});
    return fail({ProbePhase::kTarget, ProbeReason::kInvalidTarget, url.error().message()});
  }
  url_ = *std::move(url);
  port_ = url_.port.value_or(settings_.tls ? 443 : 80);
  const bool has_files = !settings_.tls_config.ca_file.empty() || !settings_.tls_config.cert_file.empty();
  const Status prepared = has_files ? io_.prepare_tls(settings_.tls_config) : Status();
  if (!prepared.has_value()) return fail({ProbePhase::kTls, ProbeReason::kTlsConfig, prepared.error().str()});
  phase_ = ProbePhase::kResolve;
  pick_.start(url_.host, settings_.ip, [this](std::optional<ProbeFailure> failure, const IpAddress& ip) {
    if (failure) return fail(*std::move(failure));
    resolved_ = true;
    call(ip);
  });
}

void GrpcRun::call(const IpAddress& ip) {
  if (std::optional<std::string> refusal = request_.policy->refusal(url_.host, ip, port_)) {
    return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
  }
  phase_ = ProbePhase::kConnect;
  log_.info(settings_.tls ? "Dialing GRPC with TLS" : "Dialing GRPC without TLS");
  called_ = io_.now();
  exchange_ = io_.exchange(hop({ip, port_}), *this);
}

HttpHop GrpcRun::hop(const SocketAddress& address) const {
  Url url{settings_.tls ? "https" : "http", "", url_.host, port_, "/grpc.health.v1.Health/Check"};
  // The host of an https URL is the name that is verified; the connection goes to the address all the same.
  if (settings_.tls && !settings_.tls_config.server_name.empty()) url.host = settings_.tls_config.server_name;
  HttpHop hop;
  hop.method = "POST";
  hop.url = url.str();
  hop.connect_to = address;
  hop.headers = {{"Host", settings_.tls ? url.host : url.authority()},
                 {"Content-Type", "application/grpc"},
                 {"TE", "trailers"},
                 {"User-Agent", user_agent()}};
  for (const auto& [name, value] : settings_.metadata)
    hop.headers.emplace_back(name, name.ends_with("-bin") ? base64(value) : value);
  hop.body = grpc_health_request(settings_.service);
  hop.tls = settings_.tls_config;
  hop.versions = HttpHop::Versions::kHttp2;
  return hop;
}

void GrpcRun::take_status(std::string_view name, std::string_view value) {
  const std::string lower = to_lower(name);
  if (lower == "grpc-status") told_status_ = parse_grpc_status(value).value_or(kGrpcUnknown);
  if (lower == "grpc-message") told_message_ = percent_decoded(value).value_or(std::string(value));
}

HttpHopObserver::Next GrpcRun::on_head(HttpHopHead head) {
  phase_ = ProbePhase::kResponse;
  head_ = std::move(head);
  for (const auto& [name, value] : head_.headers)
    take_status(name, value);
  return Next::kContinue;
}

HttpHopObserver::Next GrpcRun::on_body(std::string_view bytes) {
  too_large_ = body_.size() + bytes.size() > kMaxGrpcBody;
  if (too_large_) return Next::kStop;
  body_ += bytes;
  return Next::kContinue;
}

void GrpcRun::on_trailer(std::string_view name, std::string_view value) {
  take_status(name, value);
}

void GrpcRun::on_done(std::optional<ProbeFailure> failure) {
  failure = judge(std::move(failure));
  if (failure) return fail(*std::move(failure));
  log_.info("connect the grpc server successfully");
  finish();
}

std::optional<ProbeFailure> GrpcRun::judge(std::optional<ProbeFailure> transfer_failure) {
  if (too_large_) {
    code_ = kGrpcInternal;
    return ProbeFailure{ProbePhase::kBody, ProbeReason::kTooLarge, "the answer is over 64 KiB"};
  }
  // A server that has told its status may close as it likes.
  if (transfer_failure && !told_status_) {
    code_ = kGrpcUnavailable;
    // libcurl tells a connection that ends before the head as a body cut short.
    if (head_.protocol.empty() && transfer_failure->phase == ProbePhase::kBody) {
      transfer_failure->phase = ProbePhase::kResponse;
    }
    return transfer_failure;
  }
  return judge_answer();
}

std::optional<ProbeFailure> GrpcRun::judge_answer() {
  const auto failed = [&](int code, ProbePhase phase, ProbeReason reason, std::string message) {
    code_ = code;
    return ProbeFailure{phase, reason, std::move(message)};
  };
  if (head_.protocol != "HTTP/2.0") {
    return failed(kGrpcUnavailable, ProbePhase::kStatus, ProbeReason::kUnexpectedVersion,
                  fmt::format("the server speaks {}, gRPC needs HTTP/2", head_.protocol));
  }
  if (!told_status_) {
    return failed(grpc_status_of_http(head_.status), ProbePhase::kStatus, ProbeReason::kUnexpectedStatus,
                  fmt::format("the answer has HTTP status {} and no grpc-status", head_.status));
  }
  if (*told_status_ != kGrpcOk) {
    return failed(*told_status_, ProbePhase::kStatus, ProbeReason::kUnexpectedStatus,
                  fmt::format("gRPC status {} ({}): {}", *told_status_, grpc_status_name(*told_status_),
                              printable(told_message_)));
  }
  const Result<ServingStatus> serving = parse_grpc_health_response(body_);
  if (!serving.has_value()) {
    return failed(kGrpcInternal, ProbePhase::kBody, ProbeReason::kProtocol, serving.error().message());
  }
  serving_ = *serving;
  if (*serving == ServingStatus::kServing) return std::nullopt;
  return failed(kGrpcOk, ProbePhase::kStatus, ProbeReason::kUnexpectedStatus,
                fmt::format("the service is {}", to_string(*serving)));
}

void GrpcRun::fail(ProbeFailure failure) {
  log_.failure(failure);
  failure_ = std::move(failure);
  finish();
}

void GrpcRun::abort(ProbeReason reason) {
  if (finished_) return;
  TlsTurn turn;
  if (exchange_) {
    const HttpHopTimings so_far = exchange_->timings();
    turn = so_far.tls_turn;
    if (phase_ == ProbePhase::kConnect && so_far.tcp_connected) phase_ = ProbePhase::kTls;
    if (phase_ == ProbePhase::kTls && so_far.connected) phase_ = ProbePhase::kResponse;
    code_ = kGrpcDeadlineExceeded;
  }
  fail(aborted(phase_, reason, turn));
}

std::vector<SampleFamily> GrpcRun::families() const {
  std::vector<SampleFamily> out;
  pick_.add_families(out);
  SampleFamily durations{"probe_grpc_duration_seconds",
                         "Duration of gRPC request by phase",
                         {Sample{{{"phase", "resolve"}}, resolved_ ? to_seconds(pick_.lookup_time()) : 0}}};
  if (called_) durations.samples.push_back({{{"phase", "check"}}, to_seconds(ended_ - *called_ - tls_wait_)});
  out.push_back(std::move(durations));
  const bool secure = serving_ && head_.tls;
  out.push_back(gauge_family("probe_grpc_ssl", "Indicates if SSL was used for the connection", secure ? 1 : 0));
  out.push_back(gauge_family("probe_grpc_status_code", "Response gRPC status code", code_));
  if (called_) {
    SampleFamily response{"probe_grpc_healthcheck_response", "Response HealthCheck response", {}};
    for (const ServingStatus status : {ServingStatus::kUnknown, ServingStatus::kServing, ServingStatus::kNotServing,
                                       ServingStatus::kServiceUnknown}) {
      const std::string name(to_string(status));
      response.samples.push_back({{{"serving_status", name}}, serving_ == status ? 1.0 : 0.0});
    }
    out.push_back(std::move(response));
  }
  if (secure) {
    add_tls_leaf_families(*head_.tls, out);
  } else {
    add_earliest_expiry(0, out);
  }
  return out;
}

void GrpcRun::finish() {
  if (finished_) return;
  finished_ = true;
  ended_ = io_.now();
  if (exchange_) tls_wait_ = exchange_->timings().tls_turn.waited;
  // No callback may come any more.
  exchange_.reset();
  pick_.cancel();
  done_({failure_, families()});
}

}  // namespace

std::unique_ptr<ProbeRun> make_grpc_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<GrpcRun>(request, io, log);
}

}  // namespace heal::probe
