#include "webhook/quarantine.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/base/scoped_fd.h"
#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal::webhook {
namespace {

constexpr std::size_t kMostFiles = 100;
constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kLongestReason = 400;

Status write_file(const std::string& path, const std::string& text) {
  ScopedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return errno_error(errno, path);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, path);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Quarantine::Quarantine(std::string folder, Clock& clock, Random& random, Logger logger)
    : folder_(std::move(folder)), clock_(clock), random_(random), logger_(std::move(logger)) {}

void Quarantine::keep(std::string_view raw, std::string_view reason, std::string_view remote) {
  const WallTime now = clock_.now();
  const Json document{{"received_at", format_rfc3339_nano(now)},
                      {"reason", reason},
                      {"remote", remote},
                      {"bytes", raw.size()},
                      {"raw", to_valid_utf8(raw.substr(0, kMostBytes))}};
  write(make_ulid(now, random_.next(), random_.next()), dump_pretty(document));
}

void Quarantine::keep(const std::vector<RejectedAlert>& rejected, std::string_view remote) {
  const WallTime now = clock_.now();
  std::size_t room = kMostBytes;
  Json list = Json::array();
  for (const RejectedAlert& alert : rejected) {
    if (list.size() == kMostListed) break;
    const std::string_view raw = std::string_view(alert.raw).substr(0, room);
    room -= raw.size();
    list.push_back({{"index", alert.index},
                    {"pointer", alert.pointer},
                    {"reason", printable(alert.reason, kLongestReason)},
                    {"raw", to_valid_utf8(raw)}});
  }
  const Json document{{"received_at", format_rfc3339_nano(now)},
                      {"remote", remote},
                      {"alerts_rejected", rejected.size()},
                      {"alerts", std::move(list)}};
  write(make_ulid(now, random_.next(), random_.next()), dump_pretty(document));
}

void Quarantine::write(const std::string& id, std::string text) {
  text += '\n';
  MutexLock lock(mutex_);
  std::error_code error;
  if (std::filesystem::create_directories(folder_, error))
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, error);
  const Status written = write_file(folder_ + "/" + id + ".json", text);
  if (!written.has_value()) logger_.warn("a quarantined copy could not be kept", {{"err", written.error()}});
  forget_old();
}

void Quarantine::forget_old() {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".json") files.push_back(entry->path());
  }
  if (files.size() <= kMostFiles) return;
  std::sort(files.begin(), files.end());
  files.resize(files.size() - kMostFiles);
  for (const auto& file : files)
    std::filesystem::remove(file, error);
}

}  // namespace heal::webhook
