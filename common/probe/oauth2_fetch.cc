#include "common/probe/oauth2_fetch.h"

#include <utility>

#include "common/config/file.h"
#include "common/probe/http_request.h"

namespace heal::probe {
namespace {

constexpr std::size_t kMaxTokenBody = 1 << 20U;

}  // namespace

void OAuth2Fetch::start(Done done) {
  done_ = std::move(done);
  Result<std::string> secret = config::load_secret(settings_.client_secret, ".");
  if (!secret.has_value()) return done_(std::move(secret).error());
  secret_ = *std::move(secret);
  if (must_fetch()) fetch();
}

bool OAuth2Fetch::must_fetch() {
  if (!settings_.tokens) return true;
  const auto ended = [this, &io = io_, alive = alive_](const OAuth2Tokens::Outcome& outcome) {
    io.post([this, alive, outcome] {
      if (!*alive) return;
      ticket_ = 0;
      if (outcome) return done_(*outcome);
      // Its probe has ended before: now it may be this one's turn.
      if (must_fetch()) fetch();
    });
  };
  OAuth2Tokens::Part part = settings_.tokens->ask(secret_, io_.now(), ended);
  settles_ = part.fetches;
  ticket_ = part.ticket;
  if (part.known) {
    done_(*std::move(part.known));
    return false;
  }
  if (ticket_ != 0) log_.info("Waiting for the OAuth2 token that another probe asks for");
  return ticket_ == 0;
}

void OAuth2Fetch::fetch() {
  Result<Url> url = Url::parse(settings_.token_url);
  if (!url.has_value()) return end(make_error(ErrorCode::kInvalid, "token_url: {}", url.error().message()));
  url_ = *std::move(url);
  const std::optional<ClientAuth> style = settings_.tokens ? settings_.tokens->style() : std::nullopt;
  style_ = style.value_or(ClientAuth::kHeader);
  may_change_style_ = !style;
  log_.info("Asking for an OAuth2 token", {{"url", url_.str()}});
  // A proxy looks the name up by itself.
  proxy_ = settings_.proxy.rules.proxy_for(url_, url_.host);
  if (!proxy_.empty()) return ask();
  resolve();
}

void OAuth2Fetch::end(Result<std::string> authorization) {
  if (std::exchange(settles_, false)) settings_.tokens->settle(authorization);
  done_(std::move(authorization));
}

void OAuth2Fetch::cancel() {
  *alive_ = false;
  lookup_.reset();
  exchange_.reset();
  if (ticket_ != 0) settings_.tokens->leave(std::exchange(ticket_, 0));
  if (std::exchange(settles_, false)) settings_.tokens->settle(std::nullopt);
}

void OAuth2Fetch::resolve() {
  lookup_ = io_.resolve(url_.host, AddressFamily::kAny,
                        [this](const std::optional<ProbeFailure>& failure, std::vector<IpAddress> found) {
                          if (failure) return end(Error(ErrorCode::kUnavailable, failure->message));
                          addresses_ = std::move(found);
                          ask();
                        });
}

void OAuth2Fetch::ask() {
  answer_ = {};
  HttpHop hop;
  hop.method = "POST";
  Url url = url_;
  if (url.scheme == "https" && !settings_.tls.server_name.empty()) url.host = settings_.tls.server_name;
  url.port = url_.effective_port();
  hop.url = url.str();
  if (!addresses_.empty()) hop.connect_to = SocketAddress{addresses_.front(), url_.effective_port()};
  hop.headers = {{"Host", url_.authority()},
                 {"User-Agent", user_agent()},
                 {"Content-Type", "application/x-www-form-urlencoded"},
                 {"Connection", "close"}};
  if (style_ == ClientAuth::kHeader) {
    hop.headers.emplace_back("Authorization", oauth2_client_header(settings_, secret_));
  }
  hop.body = oauth2_form(settings_, secret_, style_);
  hop.tls = settings_.tls;
  if (!proxy_.empty()) {
    hop.proxy_url = proxy_;
    // As in RequestChain: with CONNECT only.
    if (url_.scheme == "https") {
      hop.proxy_headers = settings_.proxy.connect_headers;
      set_tunnel_end(url_, hop);
    }
  }
  exchange_ = io_.exchange(std::move(hop), *this);
}

HttpHopObserver::Next OAuth2Fetch::on_head(HttpHopHead head) {
  answer_.status = head.status;
  for (const std::string_view type : header_values(head.headers, "Content-Type"))
    answer_.content_type = type;
  return Next::kContinue;
}

HttpHopObserver::Next OAuth2Fetch::on_body(std::string_view bytes) {
  too_large_ = answer_.body.size() + bytes.size() > kMaxTokenBody;
  if (too_large_) return Next::kStop;
  answer_.body += bytes;
  return Next::kContinue;
}

void OAuth2Fetch::on_done(std::optional<ProbeFailure> failure) {
  if (too_large_) return end(Error(ErrorCode::kTooLarge, "the token server's answer is over 1 MiB"));
  if (!failure) return judge();
  const bool unreachable = failure->phase == ProbePhase::kConnect && addresses_.size() > 1;
  if (!unreachable) return end(Error(ErrorCode::kUnavailable, failure->message));
  addresses_.erase(addresses_.begin());
  ask();
}

void OAuth2Fetch::judge() {
  Result<OAuth2Token> token = parse_oauth2_answer(answer_, io_.now());
  if (token.has_value()) {
    if (settings_.tokens) settings_.tokens->put(secret_, *token, style_);
    return end(std::move(token->authorization));
  }
  if (!may_change_style_) return end(std::move(token).error());
  log_.info("Asking again with the client's name in the body", {{"err", token.error().message()}});
  may_change_style_ = false;
  style_ = ClientAuth::kBody;
  ask();
}

}  // namespace heal::probe
