#include "healctl/service/backup.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include "common/base/error.h"
#include "common/wire/json.h"

namespace heal::ctl {
namespace {

/// The service copies its whole store before it answers.
constexpr Duration kBackupPatience = 30min;

Status fetch_parts(ServiceClient& service, const std::string& name, std::uint64_t size, NewFile& file) {
  for (std::uint64_t offset = 0; offset < size;) {
    HEAL_TRY(const std::string part, service.post_for_bytes("/backups/read", Json{{"name", name}, {"offset", offset}}));
    if (part.empty()) return make_error(ErrorCode::kProtocol, "the backup ended at byte {} of {}", offset, size);
    HEAL_TRY_STATUS(file.write(part));
    offset += part.size();
  }
  return {};
}

}  // namespace

Result<NewFile> NewFile::create(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return make_error(ErrorCode::kConflict, "{} is there already", path);
  std::string temporary = path + ".part";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error(errno, temporary);
  return NewFile(path, std::move(temporary), fd);
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), fd_(std::exchange(other.fd_, -1)) {}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Status NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, "write " + temporary_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status NewFile::finish() {
  if (::fsync(fd_) != 0) return errno_error(errno, "sync " + temporary_);
  // Fails, unlike a rename, when somebody made that file meanwhile.
  if (::link(temporary_.c_str(), path_.c_str()) != 0) return errno_error(errno, path_);
  ::unlink(temporary_.c_str());
  ::close(std::exchange(fd_, -1));
  return {};
}

Result<std::uint64_t> fetch_backup(ServiceClient& service, NewFile& file) {
  HEAL_TRY(const Json answer, service.post("/backups", Json::object(), kBackupPatience));
  HEAL_TRY(const Json* backup, get_object(answer, "backup"));
  HEAL_TRY(const std::string name, get_string(*backup, "name", "/backup"));
  HEAL_TRY(const std::int64_t bytes, get_int(*backup, "bytes", "/backup"));
  const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0));
  const Status fetched = fetch_parts(service, name, size, file);
  // What stays behind is deleted by the service itself, later.
  (void)service.remove("/backups/" + name);
  HEAL_TRY_STATUS(fetched);
  return size;
}

}  // namespace heal::ctl
