#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/mutex.h"
#include "common/httpd/web_config.h"

namespace heal::httpd {

/// User name and password of an `Authorization: Basic …` header; nullopt when it is none.
struct Credentials {
  std::string user;
  std::string password;
};
std::optional<Credentials> parse_basic_auth(std::string_view header);

/// Checks passwords against bcrypt hashes. Passwords that were right are remembered under a keyed hash, because bcrypt
/// costs tens of milliseconds; wrong ones never are. A user who does not exist costs as much as one who does.
/// Thread-safe.
class Authenticator {
 public:
  Authenticator();
  ~Authenticator();

  /// True when these credentials were verified before against the same hash. Cheap.
  bool is_known(const WebConfig& web, const Credentials& credentials) const;
  /// Verifies by bcrypt: slow. A right password is remembered.
  bool verify(const WebConfig& web, const Credentials& credentials);

 private:
  std::string key_of(std::string_view hash, const Credentials& credentials) const;

  std::array<unsigned char, 32> secret_{};  // of this process: what is remembered is of no use elsewhere
  mutable Mutex mutex_;
  std::set<std::string, std::less<>> known_ HEAL_GUARDED_BY(mutex_);
  std::deque<std::string> order_ HEAL_GUARDED_BY(mutex_);  // oldest first
};

}  // namespace heal::httpd
