#include "common/system/probe/tls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/system/probe/certificate.h"

namespace heal::system {
namespace {

using BioPtr = std::unique_ptr<BIO, CFree<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, CFree<X509_free>>;
using PrivateKeyPtr = std::unique_ptr<EVP_PKEY, CFree<EVP_PKEY_free>>;

int protocol_number(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
  }
  return TLS1_2_VERSION;
}

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

/// Changes whenever the file is replaced or rewritten.
std::string file_signature(const std::string& path) {
  if (path.empty()) return "-";
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "absent";
  return fmt::format("{}.{}.{}.{}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

Error file_error(std::string_view what, const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    ERR_clear_error();
    return errno_error(errno, fmt::format("{} \"{}\"", what, path));
  }
  return make_error(ErrorCode::kInvalid, "{} \"{}\": {}", what, path, take_openssl_error());
}

Error inline_error(std::string_view what) {
  return make_error(ErrorCode::kInvalid, "{} written in tls_config: {}", what, take_openssl_error());
}

/// `pem` must outlive it.
BioPtr bio_of(const std::string& pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// Never asks a terminal for the password of a key.
int no_password(char*, int, int, void*) {
  return 0;
}

/// Every certificate of `pem` is trusted; false when there is none, or one that cannot be read.
bool trust_inline(SSL_CTX* context, const std::string& pem) {
  const BioPtr bio = bio_of(pem);
  bool is_first = true;
  while (true) {
    const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
    if (!certificate) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      return at_end && !is_first;
    }
    is_first = false;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) != 1) return false;
  }
}

/// The client's certificate and, behind it, those of its authorities.
bool use_inline_chain(SSL_CTX* context, const std::string& pem) {
  const BioPtr bio = bio_of(pem);
  const X509Ptr leaf(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) return false;
  while (X509Ptr next{PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return false;
  }
  return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

bool use_inline_key(SSL_CTX* context, const std::string& pem) {
  const BioPtr bio = bio_of(pem);
  const PrivateKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

Status load_authorities(SSL_CTX* context, const TlsSettings& settings) {
  if (!settings.ca.empty()) {
    if (!trust_inline(context, settings.ca)) return inline_error("ca");
  } else if (settings.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) != 1) {
    return file_error("ca_file", settings.ca_file);
  }
  return {};
}

Status load_certificates(SSL_CTX* context, const TlsSettings& settings) {
  HEAL_TRY_STATUS(load_authorities(context, settings));
  const bool has_cert = !settings.cert.empty() || !settings.cert_file.empty();
  const bool has_key = !settings.key.empty() || !settings.key_file.empty();
  if (has_cert != has_key) {
    return make_error(ErrorCode::kInvalid, "tls_config has a {} without a {}", has_cert ? "cert_file" : "key_file",
                      has_cert ? "key_file" : "cert_file");
  }
  if (!has_cert) return {};
  if (!settings.cert.empty()) {
    if (!use_inline_chain(context, settings.cert)) return inline_error("cert");
  } else if (SSL_CTX_use_certificate_chain_file(context, settings.cert_file.c_str()) != 1) {
    return file_error("cert_file", settings.cert_file);
  }
  ERR_clear_error();
  const bool is_inline = !settings.key.empty();
  const bool used = is_inline ? use_inline_key(context, settings.key)
                              : SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  if (used && SSL_CTX_check_private_key(context) == 1) return {};
  return is_inline ? inline_error("key") : file_error("key_file", settings.key_file);
}

Result<std::shared_ptr<SSL_CTX>> make_context(const TlsSettings& settings) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return Error(ErrorCode::kInternal, "cannot make a TLS context");
  const TlsVersion lowest = settings.min_version.value_or(TlsVersion::kTls12);
  // A prober looks at what is there: keys that a careful client refuses as too short are the server's owner's business.
  SSL_CTX_set_security_level(context.get(), lowest < TlsVersion::kTls12 ? 0 : 1);
  SSL_CTX_set_min_proto_version(context.get(), protocol_number(lowest));
  if (settings.max_version) SSL_CTX_set_max_proto_version(context.get(), protocol_number(*settings.max_version));
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context.get(), settings.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), no_password);
  HEAL_TRY_STATUS(load_certificates(context.get(), settings));
  ERR_clear_error();
  return std::shared_ptr<SSL_CTX>(context.release(), SSL_CTX_free);
}

std::string version_text(const SSL* ssl) {
  switch (SSL_version(ssl)) {
    case TLS1_VERSION:
      return "TLS 1.0";
    case TLS1_1_VERSION:
      return "TLS 1.1";
    case TLS1_2_VERSION:
      return "TLS 1.2";
    case TLS1_3_VERSION:
      return "TLS 1.3";
    default:
      return "unknown";
  }
}

void add_leaf_facts(const X509* leaf, TlsFacts& facts) {
  facts.fingerprint_sha256 = fingerprint_sha256(leaf);
  facts.subject = name_text(X509_get_subject_name(leaf));
  facts.issuer = name_text(X509_get_issuer_name(leaf));
  facts.alternative_names = dns_names(leaf);
}

}  // namespace

Result<std::shared_ptr<SSL_CTX>> TlsContexts::get(const TlsSettings& settings, SteadyTime now) {
  const std::string signature =
      file_signature(settings.ca_file) + file_signature(settings.cert_file) + file_signature(settings.key_file);
  MutexLock lock(mutex_);
  Entry& entry = entries_[Key(settings.ca_file, settings.cert_file, settings.key_file, settings.ca, settings.cert,
                              settings.key, settings.insecure_skip_verify, settings.min_version, settings.max_version)];
  entry.used = now;
  if (entry.context && entry.signature == signature) return entry.context;
  // A context of files that were replaced must not stay when the new ones cannot be used.
  entry.context.reset();
  HEAL_TRY(entry.context, make_context(settings));
  entry.signature = signature;
  return entry.context;
}

void TlsContexts::drop_unused(SteadyTime since) {
  MutexLock lock(mutex_);
  std::erase_if(entries_, [since](const auto& entry) { return entry.second.used < since; });
}

Status verify_name(X509_VERIFY_PARAM* param, const std::string& name) {
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (const std::optional<IpAddress> ip = IpAddress::parse(name)) {
    const std::string_view raw = ip->raw();
    const bool set =
        X509_VERIFY_PARAM_set1_ip(param, reinterpret_cast<const unsigned char*>(raw.data()), raw.size()) == 1;
    return set ? Status() : Error(ErrorCode::kInternal, "cannot set the address to verify");
  }
  // To OpenSSL a name that begins with a dot is every name below it, and one with a zero is none at all.
  const bool is_plain = !name.starts_with('.') &&
                        std::none_of(name.begin(), name.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
  // Absolute names are written without their dot in certificates.
  const std::size_t size = name.size() - (name.ends_with('.') ? 1 : 0);
  if (is_plain && size > 0 && X509_VERIFY_PARAM_set1_host(param, name.c_str(), size) == 1) return {};
  return make_error(ErrorCode::kInvalid, "no certificate can be for the name \"{}\"", printable(name));
}

void copy_context(SSL_CTX* from, SSL_CTX* to) {
  SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(from));
  SSL_CTX_set_security_level(to, SSL_CTX_get_security_level(from));
  SSL_CTX_set_min_proto_version(to, static_cast<int>(SSL_CTX_get_min_proto_version(from)));
  SSL_CTX_set_max_proto_version(to, static_cast<int>(SSL_CTX_get_max_proto_version(from)));
  SSL_CTX_set_verify(to, SSL_CTX_get_verify_mode(from), nullptr);
  X509* certificate = SSL_CTX_get0_certificate(from);
  if (certificate == nullptr) return;
  SSL_CTX_use_certificate(to, certificate);
  STACK_OF(X509)* chain = nullptr;
  if (SSL_CTX_get0_chain_certs(from, &chain) == 1) SSL_CTX_set1_chain(to, chain);
  SSL_CTX_use_PrivateKey(to, SSL_CTX_get0_privatekey(from));
}

TlsFacts tls_facts(const SSL* ssl) {
  TlsFacts facts;
  facts.version = version_text(ssl);
  facts.cipher = SSL_get_cipher_name(ssl);
  facts.earliest_expiry = earliest_expiry(SSL_get_peer_cert_chain(ssl)).value_or(0);
  // OpenSSL builds a chain without judging it when verification is off; Go then has none.
  if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK) {
    facts.verified_expiry = earliest_expiry(SSL_get0_verified_chain(ssl));
  }
  if (const X509* leaf = SSL_get0_peer_certificate(ssl)) add_leaf_facts(leaf, facts);
  return facts;
}

ProbeFailure tls_failure(const SSL* ssl, int ssl_error, int errno_value) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
    ERR_clear_error();
    return {ProbePhase::kTls, ProbeReason::kCertificate,
            fmt::format("certificate refused: {}", X509_verify_cert_error_string(verified))};
  }
  if (ssl_error == SSL_ERROR_SYSCALL && errno_value != 0) {
    ERR_clear_error();
    return {ProbePhase::kTls, reason_of_errno(errno_value),
            fmt::format("TLS handshake: {}", std::strerror(errno_value))};
  }
  const unsigned long code = ERR_peek_last_error();
  if (ssl_error == SSL_ERROR_SYSCALL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return {ProbePhase::kTls, ProbeReason::kClosed, "connection closed during the TLS handshake"};
  }
  return {ProbePhase::kTls, ProbeReason::kHandshake, fmt::format("TLS handshake: {}", take_openssl_error())};
}

}  // namespace heal::system
