#include "common/httpd/tls.h"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/check.h"
#include "common/config/file.h"

namespace heal::httpd {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Error tls_error(std::string_view what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return make_error(ErrorCode::kInvalid, "{}: {}", what, reason == nullptr ? "not usable" : reason);
}

Result<std::string> text_or_file(const std::string& text, const std::string& file) {
  if (!text.empty() || file.empty()) return text;
  return config::read_text_file(file, 1 << 20);
}

std::string name_of(const std::string& file, std::string_view key) {
  return file.empty() ? "tls_server_config." + std::string(key) : file;
}

// No terminal is asked for the passphrase of an encrypted key: it is refused.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

Status use_certificate(SSL_CTX* context, const TlsSettings& settings) {
  HEAL_TRY(const auto pem, text_or_file(settings.cert, settings.cert_file));
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const CertPtr leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr), X509_free);
  const std::string name = name_of(settings.cert_file, "cert");
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) return tls_error(name + ": not a certificate");
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) != 1) {
      X509_free(next);
      return tls_error(name + ": chain");
    }
  }
  ERR_clear_error();  // the end of the file is reported as an error
  return {};
}

Status use_key(SSL_CTX* context, const TlsSettings& settings) {
  HEAL_TRY(auto pem, text_or_file(settings.key, settings.key_file));
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  OPENSSL_cleanse(pem.data(), pem.size());
  const std::string name = name_of(settings.key_file, "key");
  if (!key) return tls_error(name + ": not an unencrypted private key");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return tls_error(name + ": does not belong to the certificate");
  }
  return {};
}

Status use_client_ca(SSL_CTX* context, const TlsSettings& settings) {
  HEAL_TRY(const auto pem, text_or_file(settings.client_ca, settings.client_ca_file));
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (true) {
    const CertPtr certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr), X509_free);
    if (!certificate) break;
    X509_STORE_add_cert(store, certificate.get());
    SSL_CTX_add_client_CA(context, certificate.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0) {
    return make_error(ErrorCode::kInvalid, "{}: no certificate in it", name_of(settings.client_ca_file, "client_ca"));
  }
  return {};
}

int accept_any(int, X509_STORE_CTX*) {
  return 1;
}

Status use_client_auth(SSL_CTX* context, const TlsSettings& settings) {
  switch (settings.client_auth) {
    case ClientAuth::kNone:
      SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
      return {};
    case ClientAuth::kRequest:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
      return {};
    case ClientAuth::kRequireAny:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
      return {};
    case ClientAuth::kVerifyIfGiven:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
      break;
    case ClientAuth::kRequireAndVerify:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      break;
  }
  return use_client_ca(context, settings);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : ":") + word;
  return out;
}

Status use_algorithms(SSL_CTX* context, const TlsSettings& settings) {
  SSL_CTX_set_min_proto_version(context, settings.min_version);
  SSL_CTX_set_max_proto_version(context, settings.max_version);
  if (!settings.ciphers.empty() && SSL_CTX_set_cipher_list(context, joined(settings.ciphers).c_str()) != 1) {
    return tls_error("cipher_suites");
  }
  if (!settings.curves.empty() && SSL_CTX_set1_groups_list(context, joined(settings.curves).c_str()) != 1) {
    return tls_error("curve_preferences");
  }
  auto options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
  if (settings.prefers_own_ciphers) options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
  SSL_CTX_set_options(context, options);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  static constexpr unsigned char kSession[] = "heal";
  SSL_CTX_set_session_id_context(context, kSession, sizeof kSession - 1);
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::create(const TlsSettings& settings) {
  SSL_CTX* native = SSL_CTX_new(TLS_server_method());
  if (native == nullptr) return tls_error("TLS");
  std::shared_ptr<TlsContext> context(new TlsContext(native));
  HEAL_TRY_STATUS(use_algorithms(native, settings));
  HEAL_TRY_STATUS(use_certificate(native, settings));
  HEAL_TRY_STATUS(use_key(native, settings));
  HEAL_TRY_STATUS(use_client_auth(native, settings));
  context->allowed_sans_ = settings.client_allowed_sans;
  return std::shared_ptr<const TlsContext>(std::move(context));
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

bool TlsContext::allows(X509* certificate) const {
  if (allowed_sans_.empty()) return true;
  if (certificate == nullptr) return false;
  return std::ranges::any_of(allowed_sans_, [&](const std::string& name) {
    return X509_check_host(certificate, name.data(), name.size(), X509_CHECK_FLAG_NO_WILDCARDS, nullptr) == 1 ||
           X509_check_ip_asc(certificate, name.c_str(), 0) == 1 ||
           X509_check_email(certificate, name.data(), name.size(), 0) == 1;
  });
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->native())),
      incoming_(BIO_new(BIO_s_mem())),
      outgoing_(BIO_new(BIO_s_mem())) {
  HEAL_CHECK(ssl_ != nullptr && incoming_ != nullptr && outgoing_ != nullptr, "out of memory for TLS");
  SSL_set_bio(ssl_, incoming_, outgoing_);
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

TlsSession::State TlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) {
    return SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ ? State::kOpen : State::kFailed;
  }
  const CertPtr certificate(SSL_get1_peer_certificate(ssl_), X509_free);
  if (!context_->allows(certificate.get())) return State::kFailed;
  established_ = true;
  return State::kOpen;
}

TlsSession::State TlsSession::receive(std::string_view cipher, std::string& plain, std::string& cipher_out) {
  if (!cipher.empty()) BIO_write(incoming_, cipher.data(), static_cast<int>(cipher.size()));
  State state = established_ ? State::kOpen : handshake();
  char buffer[16 * 1024];
  while (established_ && state == State::kOpen) {
    ERR_clear_error();
    const int count = SSL_read(ssl_, buffer, sizeof buffer);
    if (count > 0) {
      plain.append(buffer, static_cast<std::size_t>(count));
      continue;
    }
    const int error = SSL_get_error(ssl_, count);
    if (error == SSL_ERROR_ZERO_RETURN) state = State::kPeerClosed;
    if (error != SSL_ERROR_ZERO_RETURN && error != SSL_ERROR_WANT_READ) state = State::kFailed;
    break;
  }
  drain(cipher_out);  // an alert too, when it failed
  return state;
}

TlsSession::State TlsSession::send(std::string_view plain, std::string& cipher_out) {
  while (!plain.empty()) {
    ERR_clear_error();
    const auto piece = std::min<std::size_t>(plain.size(), 16 * 1024);
    const int count = SSL_write(ssl_, plain.data(), static_cast<int>(piece));
    if (count <= 0) return State::kFailed;
    plain.remove_prefix(static_cast<std::size_t>(count));
  }
  drain(cipher_out);
  return State::kOpen;
}

void TlsSession::close(std::string& cipher_out) {
  ERR_clear_error();
  if (established_) SSL_shutdown(ssl_);
  drain(cipher_out);
}

void TlsSession::drain(std::string& cipher_out) {
  char buffer[16 * 1024];
  for (int count = BIO_read(outgoing_, buffer, sizeof buffer); count > 0;
       count = BIO_read(outgoing_, buffer, sizeof buffer)) {
    cipher_out.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace heal::httpd
