#include <algorithm>

#include "common/base/text.h"
#include "common/probe/address_pick.h"
#include "common/probe/body_reader.h"
#include "common/probe/http_checks.h"
#include "common/probe/http_files.h"
#include "common/probe/http_request.h"
#include "common/probe/oauth2_fetch.h"
#include "common/probe/run.h"
#include "common/probe/tls_families.h"

namespace heal::probe {
namespace {

constexpr std::size_t kMaxRedirects = 10;

/// The http prober: resolves, asks, follows redirects, checks.
class HttpRun : public ProbeRun, private HttpHopObserver {
 public:
  HttpRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->http), io_(io), log_(log), pick_(io, log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  void resolve_target();
  void first_request();
  /// Gives the request what its module keeps in files or hides.
  Status read_secrets();
  void fetch_token();
  void request();
  /// The host that is asked now, by the name that was used for it.
  const std::string& named_host() const { return chain_->at_first_host() ? chain_->target_host() : chain_->url().host; }
  void resolve_redirect();
  void try_next_address();
  /// `address` is nullopt where a proxy connects.
  void send(const std::optional<SocketAddress>& address);
  Next on_head(HttpHopHead head) override;
  Next on_body(std::string_view bytes) override;
  void on_done(std::optional<ProbeFailure> failure) override;
  void follow_redirect();
  void judge_head();
  void judge_body(std::optional<ProbeFailure> transfer_failure);
  void add_timings();
  void fail(ProbeFailure failure);
  void note(const std::optional<ProbeFailure>& failure);
  void finish();
  std::vector<SampleFamily> families() const;
  SampleFamily duration_family() const;

  const ProbeRequest request_;
  const HttpSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  AddressPick pick_;
  std::optional<RequestChain> chain_;
  std::optional<OAuth2Fetch> token_;
  std::string authorization_;  ///< from token_
  std::unique_ptr<HttpExchange> exchange_;
  std::unique_ptr<PendingIo> redirect_lookup_;
  std::optional<SteadyTime> redirect_lookup_begun_;
  std::string proxy_;                 ///< that the request now goes through; "" for none
  std::optional<IpAddress> picked_;   ///< address of the first host
  std::vector<IpAddress> addresses_;  ///< of the host that is asked now, still to be tried
  ProbePhase phase_ = ProbePhase::kTarget;

  std::optional<HttpHopHead> head_;  ///< of the hop that runs
  bool redirecting_ = false;         ///< its answer is followed
  bool read_body_ = false;
  bool final_ = false;  ///< its answer is the one that is judged
  std::optional<BodyReader> body_;
  std::optional<ProbeFailure> failure_;
  bool failed_by_regexp_ = false;
  bool finished_ = false;

  bool resolve_known_ = false, tried_ = false;
  HttpHopTimings sums_;
  Duration resolve_sum_{};
};

void HttpRun::start(Done done) {
  done_ = std::move(done);
  Result<RequestChain> chain = RequestChain::create(request_);
  if (!chain.has_value()) {
    log_.error("Could not parse target URL", {{"err", chain.error().message()}});
    return fail({ProbePhase::kTarget, ProbeReason::kInvalidTarget, chain.error().message()});
  }
  chain_ = *std::move(chain);
  if (settings_.skip_resolve_phase_with_proxy && settings_.proxy.is_set()) return first_request();
  resolve_target();
}

void HttpRun::resolve_target() {
  phase_ = ProbePhase::kResolve;
  pick_.start(chain_->target_host(), settings_.ip, [this](std::optional<ProbeFailure> failure, const IpAddress& ip) {
    resolve_known_ = true;
    resolve_sum_ += pick_.lookup_time();
    if (failure) return fail(*std::move(failure));
    chain_->set_first_address(ip);
    picked_ = ip;
    first_request();
  });
}

void HttpRun::first_request() {
  // Files that cannot be used fail the probe of an http target too.
  const Status prepared = settings_.tls.has_certificates() ? io_.prepare_tls(settings_.tls) : Status();
  if (!prepared.has_value()) {
    log_.error("Error generating HTTP client", {{"err", prepared.error().str()}});
    return fail({ProbePhase::kTls, ProbeReason::kTlsConfig, prepared.error().str()});
  }
  if (!settings_.body_file.empty()) {
    Result<SharedText> body = request_.bodies->read(settings_.body_file);
    if (!body.has_value()) {
      log_.error("Error creating request", {{"err", body.error().str()}});
      return fail({ProbePhase::kSend, ProbeReason::kOther, body.error().str()});
    }
    chain_->set_body(*std::move(body));
  }
  tried_ = true;
  if (const Status read = read_secrets(); !read.has_value()) {
    log_.error("Error for HTTP request", {{"err", read.error().str()}});
    return fail({ProbePhase::kSend, ProbeReason::kCredentials, read.error().str()});
  }
  if (settings_.oauth2) return fetch_token();
  request();
}

Status HttpRun::read_secrets() {
  HEAL_TRY(std::string authorization, authorization_of(settings_.credentials));
  HEAL_TRY(HeaderList own, own_injected_headers(settings_.http_headers));
  chain_->set_authorization(std::move(authorization));
  chain_->set_injected(injected_values(settings_.http_headers), std::move(own));
  return {};
}

void HttpRun::fetch_token() {
  phase_ = ProbePhase::kSend;
  token_.emplace(*settings_.oauth2, io_, log_);
  token_->start([this](Result<std::string> authorization) {
    if (!authorization.has_value()) {
      return fail(
          {ProbePhase::kSend, ProbeReason::kCredentials, fmt::format("oauth2: {}", authorization.error().message())});
    }
    authorization_ = *authorization;
    chain_->set_authorization(*std::move(authorization));
    request();
  });
}

void HttpRun::request() {
  log_.info("Making HTTP request", {{"url", chain_->url().str()}});
  proxy_ = settings_.proxy.rules.proxy_for(chain_->url(), named_host());
  if (!proxy_.empty()) {
    // The proxy connects; what can be judged here is the address that it is told, or the name.
    const std::optional<IpAddress> told = IpAddress::parse(chain_->url().host);
    if (std::optional<std::string> refusal =
            request_.policy->refusal(named_host(), told, chain_->url().effective_port())) {
      return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
    }
    return send(std::nullopt);
  }
  // The picked address serves every request to the first host, also one that a redirect leads back to it.
  if (chain_->at_first_host() && picked_) {
    addresses_ = {*picked_};
    return try_next_address();
  }
  resolve_redirect();
}

void HttpRun::resolve_redirect() {
  phase_ = ProbePhase::kResolve;
  redirect_lookup_begun_ = io_.now();
  redirect_lookup_ = io_.resolve(chain_->url().host, AddressFamily::kAny,
                                 [this](std::optional<ProbeFailure> failure, std::vector<IpAddress> found) {
                                   resolve_sum_ += io_.now() - *redirect_lookup_begun_;
                                   if (failure) return fail(*std::move(failure));
                                   addresses_ = std::move(found);
                                   try_next_address();
                                 });
}

void HttpRun::try_next_address() {
  const SocketAddress address{addresses_.front(), chain_->url().effective_port()};
  addresses_.erase(addresses_.begin());
  if (std::optional<std::string> refusal = request_.policy->refusal(named_host(), address.ip, address.port)) {
    return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
  }
  send(address);
}

void HttpRun::send(const std::optional<SocketAddress>& address) {
  phase_ = ProbePhase::kConnect;
  head_.reset();
  redirecting_ = false;
  HttpHop hop = chain_->hop(proxy_, request_.policy->is_open());
  if (const std::string* name = unsendable_header(hop.headers)) {
    log_.error("Error for HTTP request", {{"err", "invalid header " + printable(*name)}});
    const bool is_secret = *name == "Authorization";
    return fail(
        {ProbePhase::kSend, is_secret ? ProbeReason::kCredentials : ProbeReason::kOther,
         fmt::format("the header \"{}\" cannot be sent: its name or value is not well-formed", printable(*name))});
  }
  if (address) hop.connect_to = address;
  exchange_ = io_.exchange(std::move(hop), *this);
}

HttpHopObserver::Next HttpRun::on_head(HttpHopHead head) {
  phase_ = ProbePhase::kResponse;
  head_ = std::move(head);
  chain_->take_cookies(head_->headers);
  // A token that was withdrawn before its time must not fail every probe until then.
  if (head_->status == 401 && settings_.oauth2 && settings_.oauth2->tokens) {
    settings_.oauth2->tokens->drop(authorization_);
  }
  const bool redirect = RequestChain::is_redirect(head_->status, head_->headers);
  bool refused = false;
  // As in Go, what is no URL fails before anybody asks whether to go there.
  if (redirect && chain_->reads(header_values(head_->headers, "Location").front())) {
    log_.info("Received redirect", {{"location", std::string(header_values(head_->headers, "Location").front())}});
    chain_->count_redirect();
    refused = chain_->redirects() > kMaxRedirects || !settings_.follow_redirects;
    if (refused) log_.info("Not following redirect");
  }
  if (redirect && !refused) {
    redirecting_ = true;
    return Next::kStop;
  }
  final_ = true;
  read_body_ = !refused;
  judge_head();
  return read_body_ ? Next::kContinue : Next::kStop;
}

void HttpRun::judge_head() {
  log_.info("Received HTTP response", {{"status_code", fmt::format("{}", head_->status)}});
  note(check_status(settings_, head_->status));
  if (!failure_ && has_header_checks(settings_)) {
    note(check_headers(settings_, head_->headers));
    failed_by_regexp_ = failure_.has_value();
  }
  phase_ = ProbePhase::kBody;
  const bool check = !failure_ && has_body_checks(settings_);
  body_.emplace(settings_, check ? BodyReader::Keep::kAll : BodyReader::Keep::kNothing);
}

HttpHopObserver::Next HttpRun::on_body(std::string_view bytes) {
  return body_->take(bytes) == BodyReader::Next::kContinue ? Next::kContinue : Next::kStop;
}

void HttpRun::on_done(std::optional<ProbeFailure> failure) {
  add_timings();
  if (redirecting_) return follow_redirect();
  if (final_) {
    judge_body(std::move(failure));
    return finish();
  }
  if (!failure) failure = ProbeFailure{ProbePhase::kResponse, ProbeReason::kProtocol, "an answer without a head"};
  log_.error("Error for HTTP request", {{"err", failure->message}});
  // Behind a redirect any address of the name will do; the target itself is the one that was picked, if one was.
  const bool other_left = !(chain_->at_first_host() && picked_) && !addresses_.empty();
  if (failure->phase == ProbePhase::kConnect && other_left) return try_next_address();
  fail(*std::move(failure));
}

void HttpRun::follow_redirect() {
  const std::string location(header_values(head_->headers, "Location").front());
  if (const Status followed = chain_->follow(head_->status, location); !followed.has_value()) {
    log_.error("Error for HTTP request", {{"err", followed.error().message()}});
    head_.reset();
    return fail({ProbePhase::kResponse, ProbeReason::kRedirect, followed.error().message()});
  }
  head_.reset();
  addresses_.clear();
  if (!chain_->at_first_host()) {
    log_.info("Address does not match first address, not sending TLS ServerName",
              {{"address", chain_->url().authority()}});
  }
  request();
}

void HttpRun::judge_body(std::optional<ProbeFailure> transfer_failure) {
  const bool check = !failure_ && has_body_checks(settings_);
  std::optional<ProbeFailure> unreadable = std::move(transfer_failure);
  if (!unreadable && read_body_ && !body_->failure()) body_->finish();
  if (!unreadable) unreadable = body_->failure();
  if (!unreadable && !read_body_ && check) {
    unreadable = ProbeFailure{ProbePhase::kBody, ProbeReason::kRegexp, "the body of a redirect is not read"};
  }
  if (unreadable) log_.info("Failed to read HTTP response body", {{"err", unreadable->message}});
  // What is no gzip from its first bytes on is found before blackbox_exporter looks at expressions.
  const bool no_gzip = unreadable && unreadable->reason == ProbeReason::kCompression && body_->size() == 0 &&
                       compression_of(settings_.compression) == Compression::kGzip;
  if (check && !no_gzip) {
    if (unreadable) {
      failed_by_regexp_ = true;
    } else {
      const std::optional<ProbeFailure> failure = check_body(settings_, body_->kept());
      failed_by_regexp_ = failure.has_value();
      note(failure);
    }
  }
  note(unreadable);
  note(check_version(settings_, head_->protocol));
  note(check_ssl(settings_, head_->tls.has_value()));
}

void HttpRun::add_timings() {
  if (!exchange_) return;
  const HttpHopTimings hop = exchange_->timings();
  sums_.connect += hop.connect;
  sums_.tls += hop.tls;
  sums_.processing += hop.processing;
  if (final_) sums_.transfer += hop.transfer;
}

void HttpRun::note(const std::optional<ProbeFailure>& failure) {
  if (!failure) return;
  log_.failure(*failure);
  if (!failure_) failure_ = failure;
}

void HttpRun::fail(ProbeFailure failure) {
  note(failure);
  // Without an answer there was no TLS either.
  if (tried_ && !head_) note(check_ssl(settings_, false));
  finish();
}

void HttpRun::abort(ProbeReason reason) {
  if (finished_) return;
  TlsTurn turn = token_ ? token_->tls_turn() : TlsTurn();
  if (exchange_ && !redirecting_) {
    const HttpHopTimings so_far = exchange_->timings();
    if (phase_ == ProbePhase::kConnect && so_far.tcp_connected) phase_ = ProbePhase::kTls;
    if (phase_ == ProbePhase::kTls && so_far.connected) phase_ = ProbePhase::kResponse;
    turn = so_far.tls_turn;
    add_timings();
  }
  if (redirect_lookup_begun_ && phase_ == ProbePhase::kResolve) resolve_sum_ += io_.now() - *redirect_lookup_begun_;
  if (phase_ == ProbePhase::kResolve && !redirect_lookup_begun_) {
    resolve_known_ = true;
    resolve_sum_ += pick_.lookup_time();
  }
  ProbeFailure failure = aborted(phase_, reason, turn);
  if (!final_) return fail(std::move(failure));
  judge_body(std::move(failure));
  finish();
}

void HttpRun::finish() {
  if (finished_) return;
  finished_ = true;
  // No callback may come any more.
  exchange_.reset();
  redirect_lookup_.reset();
  if (token_) token_->cancel();
  pick_.cancel();
  done_({failure_, families()});
}

SampleFamily HttpRun::duration_family() const {
  SampleFamily family{
      "probe_http_duration_seconds", "Duration of http request by phase, summed over all redirects", {}};
  const auto add = [&](const char* phase, Duration duration) {
    family.samples.push_back({{{"phase", phase}}, to_seconds(duration)});
  };
  if (resolve_known_) add("resolve", resolve_sum_);
  if (!tried_) return family;
  if (!resolve_known_ && redirect_lookup_begun_) add("resolve", resolve_sum_);
  add("connect", sums_.connect);
  add("tls", sums_.tls);
  add("processing", sums_.processing);
  add("transfer", sums_.transfer);
  return family;
}

std::vector<SampleFamily> HttpRun::families() const {
  const bool answered = final_ && head_;
  std::vector<SampleFamily> out;
  const auto gauge = [&](const char* name, const char* help, double value) {
    out.push_back(gauge_family(name, help, value));
  };
  pick_.add_families(out);
  if (SampleFamily durations = duration_family(); !durations.samples.empty()) out.push_back(std::move(durations));
  double length = 0;
  if (answered) {
    length = static_cast<double>(content_length_of(chain_->method(), head_->status, head_->headers));
    // HTTP/2 says with the head whether a body follows.
    if (length < 0 && head_->protocol == "HTTP/2.0" && read_body_ && body_->size() == 0) length = 0;
  }
  gauge("probe_http_content_length", "Length of http content response", length);
  gauge("probe_http_uncompressed_body_length", "Length of uncompressed response body",
        answered && read_body_ ? static_cast<double>(body_->size()) : 0);
  gauge("probe_http_redirects", "The number of redirects", chain_ ? static_cast<double>(chain_->redirects()) : 0);
  gauge("probe_http_ssl", "Indicates if SSL was used for the final redirect", answered && head_->tls ? 1 : 0);
  gauge("probe_http_status_code", "Response HTTP status code", answered ? head_->status : 0);
  gauge("probe_http_version", "Returns the version of HTTP of the probe response",
        answered ? version_number(head_->protocol) : 0);
  gauge("probe_failed_due_to_regex", "Indicates if probe failed due to regex", failed_by_regexp_ ? 1 : 0);
  if (!answered) return out;
  const std::vector<std::string_view> modified = header_values(head_->headers, "Last-Modified");
  if (const auto time = modified.empty() ? std::nullopt : parse_http_date(modified.front())) {
    gauge("probe_http_last_modified_timestamp_seconds", "Returns the Last-Modified HTTP response header in unixtime",
          static_cast<double>(*time));
  }
  if (head_->tls) add_tls_families(*head_->tls, out);
  return out;
}

}  // namespace

std::unique_ptr<ProbeRun> make_http_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<HttpRun>(request, io, log);
}

}  // namespace heal::probe
