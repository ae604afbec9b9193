#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/port/probe_io.h"
#include "common/probe/oauth2.h"
#include "common/probe/run.h"
#include "common/probe/url.h"

namespace heal::probe {

/// Gets the Authorization value for a probe: from the module's tokens, else from the token server, which is asked at
/// most twice: with the client's name in a header and then in the body. Where another probe of the module asks already,
/// what that gets is waited for. Destroying it ends it. Loop thread only.
class OAuth2Fetch : private HttpHopObserver {
 public:
  /// kInvalid and others say why there is none; secrets are not in them.
  using Done = std::function<void(Result<std::string>)>;

  /// `settings` must outlive this.
  OAuth2Fetch(const OAuth2Settings& settings, ProbeIo& io, RunLog& log) : settings_(settings), io_(io), log_(log) {}
  ~OAuth2Fetch() override { cancel(); }
  OAuth2Fetch(const OAuth2Fetch&) = delete;
  OAuth2Fetch& operator=(const OAuth2Fetch&) = delete;
  /// `done` runs once, possibly inside this call.
  void start(Done done);
  /// `done` does not run any more.
  void cancel();
  /// Of the handshake with the token server.
  TlsTurn tls_turn() const { return exchange_ ? exchange_->timings().tls_turn : TlsTurn(); }

 private:
  /// True: from now on this is the one that fetches. Otherwise `done` has run, or runs when the other one has ended.
  bool must_fetch();
  void fetch();
  void end(Result<std::string> authorization);
  void resolve();
  void ask();
  Next on_head(HttpHopHead head) override;
  Next on_body(std::string_view bytes) override;
  void on_done(std::optional<ProbeFailure> failure) override;
  void judge();

  const OAuth2Settings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  std::string secret_;
  Url url_;
  std::string proxy_;  ///< "" for none
  ClientAuth style_ = ClientAuth::kHeader;
  bool may_change_style_ = false;
  std::unique_ptr<PendingIo> lookup_;
  std::vector<IpAddress> addresses_;  ///< still to be tried, from the front
  std::unique_ptr<HttpExchange> exchange_;
  OAuth2Answer answer_;
  bool settles_ = false;      ///< others may wait for this
  std::uint64_t ticket_ = 0;  ///< this waits for another
  /// Looked at by what another's end has posted.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool too_large_ = false;
};

}  // namespace heal::probe
