#include "common/httpd/authenticator.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "common/base/check.h"
#include "common/base/text.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kRemembered = 256;
// A hash of nothing anyone knows, for users that do not exist; its cost is replaced by that of the users who do.
constexpr std::string_view kNobody = "$2y$10$5Z8pQf1mW3rKc9xLb0Tn7.3oPqJ1yVhUsEaDgRkXwM6iCfNlBtH2u";

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 4096) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  // EVP_DecodeBlock counts the padding as zero bytes.
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=')
    ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

bool bcrypt_matches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* result = crypt_r(password.c_str(), hash.c_str(), data.get());
  const std::string_view text = result == nullptr ? "" : result;
  return text.size() == hash.size() && CRYPTO_memcmp(text.data(), hash.data(), hash.size()) == 0;
}

std::string hash_for_nobody(const WebConfig& web) {
  std::string hash(kNobody);
  if (!web.users.empty()) hash.replace(4, 2, web.users.begin()->second.substr(4, 2));
  return hash;
}

}  // namespace

std::optional<Credentials> parse_basic_auth(std::string_view header) {
  if (header.size() < 6 || to_lower(header.substr(0, 6)) != "basic ") return std::nullopt;
  const auto decoded = decode_base64(trim(header.substr(6)));
  if (!decoded) return std::nullopt;
  const auto colon = decoded->find(':');
  if (colon == std::string::npos || decoded->find('\0') != std::string::npos) return std::nullopt;
  return Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

Authenticator::Authenticator() {
  HEAL_CHECK(RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) == 1, "no random bytes");
}

Authenticator::~Authenticator() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

std::string Authenticator::key_of(std::string_view hash, const Credentials& credentials) const {
  std::string text = credentials.user;
  text.append(1, '\0').append(hash).append(1, '\0').append(credentials.password);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  OPENSSL_cleanse(text.data(), text.size());
  return std::string(reinterpret_cast<const char*>(digest), size);
}

bool Authenticator::is_known(const WebConfig& web, const Credentials& credentials) const {
  const auto user = web.users.find(credentials.user);
  const std::string key = key_of(user == web.users.end() ? kNobody : user->second, credentials);
  MutexLock lock(mutex_);
  return user != web.users.end() && known_.contains(key);
}

bool Authenticator::verify(const WebConfig& web, const Credentials& credentials) {
  const auto user = web.users.find(credentials.user);
  const std::string hash = user == web.users.end() ? hash_for_nobody(web) : user->second;
  const bool matches = bcrypt_matches(credentials.password, hash);
  if (user == web.users.end() || !matches) return false;
  const std::string key = key_of(hash, credentials);
  MutexLock lock(mutex_);
  if (known_.insert(key).second) order_.push_back(key);
  if (order_.size() > kRemembered) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

}  // namespace heal::httpd
