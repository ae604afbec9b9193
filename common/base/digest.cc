#include "common/base/digest.h"

#include <memory>

#include <openssl/evp.h>

#include "common/base/check.h"

namespace heal {

Sha256 sha256(std::string_view bytes) {
  Sha256 digest{};
  // EVP_sha256() would look for it again with each digest.
  static EVP_MD* const kind = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  // EVP_Digest() would make and free one each time.
  static thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                                            &EVP_MD_CTX_free};
  const bool ok = EVP_DigestInit_ex2(context.get(), kind, nullptr) == 1 &&
                  EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  HEAL_CHECK(ok, "SHA-256 is always available");
  return digest;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  const auto digest = sha256(bytes);
  return to_hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace heal
