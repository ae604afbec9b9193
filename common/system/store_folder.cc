#include "common/system/store_folder.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal {

namespace fs = std::filesystem;

Status make_store_folder(const fs::path& folder) {
  std::error_code failure;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failure);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(errno, "make the folder");
  if (!fs::is_directory(folder, failure)) return make_error(ErrorCode::kInvalid, "is not a folder");
  return {};
}

Result<ScopedFd> lock_store_folder(const fs::path& folder) {
  ScopedFd fd(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "open the file lock");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error(errno, "lock the file lock");
    char text[32];
    const auto size = ::pread(fd.get(), text, sizeof text, 0);
    const auto holder = trim(std::string_view(text, size > 0 ? static_cast<std::size_t>(size) : 0));
    return make_error(ErrorCode::kConflict, "is in use by process {}", holder.empty() ? "of unknown id" : holder);
  }
  // Who holds it is for people only: a full disk must not keep the service from starting.
  const std::string pid = fmt::format("{}\n", ::getpid());
  [[maybe_unused]] const int cut = ::ftruncate(fd.get(), 0);
  [[maybe_unused]] const auto written = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
  return fd;
}

Status sync_store_folder(const fs::path& folder) {
  ScopedFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error(errno, "sync the folder");
  return {};
}

}  // namespace heal
