#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/probe_io.h"
#include "common/probe/module.h"

namespace heal::probe {

/// How a client shows who it is: in a header (which RFC 6749 wants) or in the body (which some servers want).
enum class ClientAuth { kHeader, kBody };

/// What a request carries once a token was obtained.
struct OAuth2Token {
  std::string authorization;          ///< "Bearer abc"
  std::optional<SteadyTime> expires;  ///< nullopt: never

  bool operator==(const OAuth2Token&) const = default;
};

/// The tokens of one module, with the secret that they were obtained with: a new secret makes them void. One probe at a
/// time fetches a token, others wait for what it gets. Thread-safe.
class OAuth2Tokens {
 public:
  /// What became of the fetch that was waited for; nullopt: its probe ended before.
  using Outcome = std::optional<Result<std::string>>;
  using Waiter = std::function<void(const Outcome&)>;
  /// A part in the fetch of a token.
  struct Part {
    std::optional<std::string> known;  ///< there is a token that holds for some seconds yet; nothing else is set
    bool fetches = false;              ///< the caller fetches one now, and must settle()
    std::uint64_t ticket = 0;          ///< the caller's place among those who wait; 0: another secret is used just now
  };
  /// `waiter` runs once, on any thread, if the caller has a ticket and does not leave().
  Part ask(const std::string& secret, SteadyTime now, Waiter waiter) HEAL_EXCLUDES(mutex_);
  void leave(std::uint64_t ticket) HEAL_EXCLUDES(mutex_);
  /// Ends the fetch and tells those who wait.
  void settle(const Outcome& outcome) HEAL_EXCLUDES(mutex_);

  /// The Authorization value, if there is one that holds for some seconds yet.
  std::optional<std::string> get(const std::string& secret, SteadyTime now) const HEAL_EXCLUDES(mutex_);
  void put(const std::string& secret, OAuth2Token token, ClientAuth style) HEAL_EXCLUDES(mutex_);
  /// Forgets a token that was refused.
  void drop(const std::string& authorization) HEAL_EXCLUDES(mutex_);
  /// What the server was content with; nullopt before it was asked.
  std::optional<ClientAuth> style() const HEAL_EXCLUDES(mutex_);

 private:
  std::optional<std::string> current(const std::string& secret, SteadyTime now) const HEAL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::optional<std::string> fetching_ HEAL_GUARDED_BY(mutex_);  ///< the secret with which one is fetched now
  std::map<std::uint64_t, Waiter> waiters_ HEAL_GUARDED_BY(mutex_);
  std::uint64_t last_ticket_ HEAL_GUARDED_BY(mutex_) = 0;
  std::string secret_ HEAL_GUARDED_BY(mutex_);
  std::optional<OAuth2Token> token_ HEAL_GUARDED_BY(mutex_);
  std::optional<ClientAuth> style_ HEAL_GUARDED_BY(mutex_);
};

/// The form that asks for a token.
std::string oauth2_form(const OAuth2Settings& settings, const std::string& secret, ClientAuth style);
/// The Authorization value of the request for a token.
std::string oauth2_client_header(const OAuth2Settings& settings, const std::string& secret);

/// What a token server answered.
struct OAuth2Answer {
  int status = 0;
  std::string content_type;
  std::string body;
};
/// kInvalid says what the answer lacks; it never holds a token.
Result<OAuth2Token> parse_oauth2_answer(const OAuth2Answer& answer, SteadyTime now);

}  // namespace heal::probe
