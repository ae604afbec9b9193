#include "common/probe/http_files.h"

#include "common/base/base64.h"
#include "common/base/text.h"
#include "common/config/file.h"

namespace heal::probe {
namespace {

constexpr std::size_t kLargestBody = 16 << 20;
constexpr std::size_t kLargestHeader = 64 << 10;

Result<std::string> read_trimmed(const char* key, const std::string& path) {
  HEAL_TRY(const std::string text, config::read_text_file(path, kLargestHeader).with_context("{}", key));
  return std::string(trim(text));
}

}  // namespace

Result<std::string> authorization_of(const Credentials& credentials) {
  if (credentials.kind == Credentials::Kind::kNone) return std::string();
  std::string secret;
  if (credentials.secret.is_set()) {
    HEAL_TRY(secret, config::load_secret(credentials.secret, "."));
  } else if (credentials.kind == Credentials::Kind::kToken) {
    return std::string();
  }
  if (credentials.kind == Credentials::Kind::kToken) return fmt::format("{} {}", credentials.type, secret);
  std::string username = credentials.username;
  if (!credentials.username_file.empty()) {
    HEAL_TRY(username, read_trimmed("username_file", credentials.username_file));
  }
  return fmt::format("Basic {}", base64(fmt::format("{}:{}", username, trim(secret))));
}

Result<SharedText> BodyFiles::read(const std::string& path) {
  HEAL_TRY(std::string text, config::read_text_file(path, kLargestBody).with_context("body_file"));
  MutexLock lock(mutex_);
  std::erase_if(held_, [](const auto& content) { return content.expired(); });
  std::size_t bytes = text.size();
  for (const auto& content : held_) {
    const std::shared_ptr<const std::string> held = content.lock();
    if (!held) continue;
    if (*held == text) return SharedText(held);
    bytes += held->size();
  }
  if (bytes > most_bytes_) {
    return make_error(ErrorCode::kUnavailable, "body_file: {}: probes would send more than {} bytes at once", path,
                      most_bytes_);
  }
  auto read = std::make_shared<const std::string>(std::move(text));
  held_.emplace_back(read);
  return SharedText(std::move(read));
}

HeaderList injected_values(const std::vector<InjectedHeader>& headers) {
  HeaderList list;
  for (const InjectedHeader& header : headers) {
    for (const std::string& value : header.values)
      list.emplace_back(canonical_header_name(header.name), value);
  }
  return list;
}

Result<HeaderList> own_injected_headers(const std::vector<InjectedHeader>& headers) {
  HeaderList list;
  for (const InjectedHeader& header : headers) {
    const std::string name = canonical_header_name(header.name);
    for (const std::string& secret : header.secrets)
      list.emplace_back(name, secret);
    for (const std::string& file : header.files) {
      HEAL_TRY(std::string text, read_trimmed("http_headers", file));
      list.emplace_back(name, std::move(text));
    }
  }
  return list;
}

}  // namespace heal::probe
