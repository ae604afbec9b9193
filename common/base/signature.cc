#include "common/base/signature.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace heal {
namespace {

/// Four thousand bits of key take 700 characters.
constexpr std::size_t kMostSignature = 4096;
constexpr std::size_t kMostPem = 64 << 10;

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freed<&BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<&X509_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;

std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > kMostSignature) return std::nullopt;
  std::vector<std::uint8_t> out(text.size() / 4 * 3);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const int length = EVP_DecodeBlock(out.data(), bytes, static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

Certificate read_certificate(std::string_view pem) {
  if (pem.size() > kMostPem) return nullptr;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a function of ours, OpenSSL asks the terminal for the password of a PEM that says it has one.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  return Certificate(bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
}

/// Null when it holds no RSA key.
EVP_PKEY* key_of(const Certificate& certificate) {
  EVP_PKEY* key = certificate == nullptr ? nullptr : X509_get0_pubkey(certificate.get());
  ERR_clear_error();
  return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? key : nullptr;
}

Error not_a_certificate() {
  return Error(ErrorCode::kInvalid, "expected a certificate with an RSA key, in PEM");
}

}  // namespace

Status check_certificate(std::string_view pem) {
  const Certificate certificate = read_certificate(pem);
  if (key_of(certificate) == nullptr) return not_a_certificate();
  return {};
}

Status verify_signature(std::string_view pem, SignatureDigest digest, std::string_view text,
                        std::string_view signature) {
  const Certificate certificate = read_certificate(pem);
  EVP_PKEY* key = key_of(certificate);
  if (key == nullptr) return not_a_certificate();
  const auto bytes = decode_base64(signature);
  if (!bytes) return make_error(ErrorCode::kUnauthorized, "the signature is not base64");
  const DigestContext context(EVP_MD_CTX_new());
  const EVP_MD* md = digest == SignatureDigest::kSha1 ? EVP_sha1() : EVP_sha256();
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  const bool is_good = context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, md, nullptr, key) == 1 &&
                       EVP_DigestVerify(context.get(), bytes->data(), bytes->size(), data, text.size()) == 1;
  ERR_clear_error();
  if (is_good) return {};
  return make_error(ErrorCode::kUnauthorized, "the signature does not fit");
}

}  // namespace heal
