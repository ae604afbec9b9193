#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tests/support/loopback_server.h"

namespace heal::test {

/// What a certificate for a test says.
struct CertificateSpec {
  std::string common_name = "localhost";
  std::string alternative_names = "DNS:localhost,IP:127.0.0.1";
  long valid_for_seconds = 3600;
  enum class Signer { kAuthority, kItself };
  Signer signer = Signer::kAuthority;
  unsigned rsa_bits = 0;                       ///< 0: a key on an elliptic curve
  std::function<void(X509*)> alter = nullptr;  ///< what else is done to it before it is signed
};

/// An authority of our own, and certificates signed by it, as PEM files in a folder.
class TestAuthority {
 public:
  explicit TestAuthority(std::filesystem::path folder, const std::string& name = "promheal test authority")
      : folder_(std::move(folder)) {
    key_.reset(EVP_EC_gen("P-256"));
    certificate_ = make({name, "", 7200}, key_.get());
    write_certificate(ca_file(), certificate_.get());
  }
  std::string ca_file() const { return (folder_ / "ca.pem").string(); }

  /// Writes NAME.pem and NAME.key and gives the path without its ending.
  std::string issue(const std::string& name, const CertificateSpec& spec) {
    const Key key(spec.rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(spec.rsa_bits));
    const Certificate certificate = make(spec, key.get());
    const std::string base = (folder_ / name).string();
    write_certificate(base + ".pem", certificate.get());
    FILE* file = std::fopen((base + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    return base;
  }

  static void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  static void add_name(X509_NAME* name, const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.c_str()), -1,
                               -1, 0);
  }
  static void write_certificate(const std::string& path, X509* certificate) {
    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }

  Certificate make(const CertificateSpec& spec, EVP_PKEY* key) {
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), spec.valid_for_seconds);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    add_name(name, "C", "DE");
    add_name(name, "ST", "a state");
    add_name(name, "L", "a town");
    add_name(name, "street", "a street");
    add_name(name, "postalCode", "1");
    add_name(name, "serialNumber", "2");
    add_name(name, "O", "Heal, Test \"Works\"");
    add_name(name, "OU", "one");
    add_name(name, "OU", "two");
    add_name(name, "emailAddress", "a@example.com");
    add_name(name, "CN", spec.common_name);
    const bool is_authority = spec.alternative_names.empty();
    const bool is_self_signed = is_authority || spec.signer == CertificateSpec::Signer::kItself;
    X509* issuer = is_self_signed ? certificate.get() : certificate_.get();
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
    add_extension(certificate.get(), issuer, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!is_authority) {
      add_extension(certificate.get(), issuer, NID_subject_alt_name, spec.alternative_names.c_str());
    }
    if (spec.alter) spec.alter(certificate.get());
    X509_sign(certificate.get(), is_self_signed ? key : key_.get(), EVP_sha256());
    return certificate;
  }

  std::filesystem::path folder_;
  Key key_;
  Certificate certificate_;
  long serial_ = 1000;
};

/// A TLS server with the certificate of issue(); `talk` reads and writes through OpenSSL.
class TlsTestServer {
 public:
  using Talk = std::function<void(SSL* ssl)>;

  TlsTestServer(const std::string& base, Talk talk)
      : context_(make_context(base), SSL_CTX_free), talk_(std::move(talk)), server_([this](int fd) {
          SSL* ssl = SSL_new(context_.get());
          SSL_set_fd(ssl, fd);
          if (SSL_accept(ssl) == 1) talk_(ssl);
          SSL_free(ssl);
        }) {}

  const LoopbackServer& server() const { return server_; }
  std::string url(const std::string& path = "/") const { return "https://" + server_.address() + path; }
  SSL_CTX* context() { return context_.get(); }

  static SSL_CTX* make_context(const std::string& base) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    // Weak keys can be served, too.
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_use_certificate_chain_file(context, (base + ".pem").c_str());
    SSL_CTX_use_PrivateKey_file(context, (base + ".key").c_str(), SSL_FILETYPE_PEM);
    return context;
  }

 private:
  std::shared_ptr<SSL_CTX> context_;
  Talk talk_;
  LoopbackServer server_;
};

/// Reads one HTTP head over TLS and answers it.
inline TlsTestServer::Talk tls_http(std::string answer) {
  return [answer = std::move(answer)](SSL* ssl) {
    std::string text;
    char buffer[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      const int got = SSL_read(ssl, buffer, sizeof buffer);
      if (got <= 0) return;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(ssl);
  };
}

}  // namespace heal::test
