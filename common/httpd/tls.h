#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "common/base/result.h"
#include "common/httpd/web_config.h"

namespace heal::httpd {

/// A server's TLS settings, ready for use: certificate, key and CA are read once. Immutable, thread-safe.
class TlsContext {
 public:
  /// Reads the files that `settings` name; the error names the file.
  static Result<std::shared_ptr<const TlsContext>> create(const TlsSettings& settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  SSL_CTX* native() const { return context_; }
  /// True when a client with this certificate (null: none) may talk to us, the chain being verified already.
  bool allows(X509* certificate) const;

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
  std::vector<std::string> allowed_sans_;
};

/// One TLS connection without a socket: bytes go in and out as strings. Not thread-safe.
class TlsSession {
 public:
  enum class State { kOpen, kPeerClosed, kFailed };

  explicit TlsSession(std::shared_ptr<const TlsContext> context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Takes what came from the network; appends what it says to `plain` and what must be sent back to `cipher_out`.
  State receive(std::string_view cipher, std::string& plain, std::string& cipher_out);
  /// Encrypts `plain` into `cipher_out`. Only after is_established().
  State send(std::string_view plain, std::string& cipher_out);
  /// Says goodbye (close_notify).
  void close(std::string& cipher_out);
  bool is_established() const { return established_; }

 private:
  State handshake();
  void drain(std::string& cipher_out);

  std::shared_ptr<const TlsContext> context_;
  SSL* ssl_;
  BIO* incoming_;  // both owned by ssl_
  BIO* outgoing_;
  bool established_ = false;
};

}  // namespace heal::httpd
