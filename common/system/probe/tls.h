#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <openssl/ssl.h>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/model/probe_failure.h"
#include "common/port/probe_io.h"

namespace heal::system {

/// Calls `Free` on a pointer of a C library.
template <auto Free>
struct CFree {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using SslCtxPtr = std::unique_ptr<SSL_CTX, CFree<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, CFree<SSL_free>>;

/// TLS client contexts by settings: certificate stores are parsed once and again only when a file changes (the bundle
/// of a Linux distribution costs 36 ms). Thread-safe.
class TlsContexts {
 public:
  /// The context for `settings`, server_name not looked at. kNotFound or kInvalid names the file.
  Result<std::shared_ptr<SSL_CTX>> get(const TlsSettings& settings, SteadyTime now) HEAL_EXCLUDES(mutex_);
  /// Forgets what nobody has asked for since `since`, private keys with it.
  void drop_unused(SteadyTime since) HEAL_EXCLUDES(mutex_);

 private:
  /// All that a context depends on: files, PEM texts, what is verified, versions.
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string, std::string, bool,
                         std::optional<TlsVersion>, std::optional<TlsVersion>>;
  struct Entry {
    std::string signature;
    std::shared_ptr<SSL_CTX> context;
    SteadyTime used;
  };
  Mutex mutex_;
  std::map<Key, Entry> entries_ HEAL_GUARDED_BY(mutex_);
};

/// Has `param` verify `name`: a DNS name by the certificate's alternative names only (no common name), or an address.
/// kInvalid for what can be neither: the handshake must not begin then, for nothing would be verified, or too little.
Status verify_name(X509_VERIFY_PARAM* param, const std::string& name);
/// Gives `to` what `from` trusts, proves and speaks.
void copy_context(SSL_CTX* from, SSL_CTX* to);
/// What the finished handshake of `ssl` showed.
TlsFacts tls_facts(const SSL* ssl);
/// Why the handshake of `ssl` failed, from OpenSSL's error queue, which is emptied.
ProbeFailure tls_failure(const SSL* ssl, int ssl_error, int errno_value);

}  // namespace heal::system
