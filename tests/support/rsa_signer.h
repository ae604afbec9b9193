#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/base/signature.h"

namespace heal::test {

/// A throw-away RSA key with a certificate of its own, which signs as Amazon SNS does.
class RsaSigner {
 public:
  RsaSigner() : key_(EVP_RSA_gen(2048), EVP_PKEY_free) {}

  /// PEM.
  std::string certificate() const {
    const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), X509_free);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
    X509_set_pubkey(x509.get(), key_.get());
    X509_sign(x509.get(), key_.get(), EVP_sha256());
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
    PEM_write_bio_X509(bio.get(), x509.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }

  /// Base64.
  std::string sign(SignatureDigest digest, std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const EVP_MD* md = digest == SignatureDigest::kSha1 ? EVP_sha1() : EVP_sha256();
    EVP_DigestSignInit(context.get(), nullptr, md, nullptr, key_.get());
    std::vector<unsigned char> bytes(1024);
    std::size_t size = bytes.size();
    EVP_DigestSign(context.get(), bytes.data(), &size, reinterpret_cast<const unsigned char*>(text.data()),
                   text.size());
    std::string out(4 * ((size + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(size));
    out.resize(static_cast<std::size_t>(length));
    return out;
  }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace heal::test
