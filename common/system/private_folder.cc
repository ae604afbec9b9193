#include "common/system/private_folder.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace heal {
namespace {

constexpr Duration kAskForFolderAgain = 20ms;

Status make_private_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), failure);
  if (failure) return errno_error(failure.value(), "make " + folder.parent_path().string());
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(errno, "make " + folder.string());
  return {};
}

/// Looks at what was opened, so that nobody can put another in its place meanwhile.
Status check_private(int folder, const std::string& name) {
  struct stat info {};
  if (::fstat(folder, &info) != 0) return errno_error(errno, name);
  if (info.st_uid != ::geteuid()) {
    return make_error(ErrorCode::kRefused, "{} belongs to user {}, and this is user {}", name, info.st_uid,
                      ::geteuid());
  }
  if ((info.st_mode & 077) != 0) {
    return make_error(ErrorCode::kRefused, "{} is open to other users (mode {:o}): chmod 700 it, or name another", name,
                      info.st_mode & 07777);
  }
  return {};
}

}  // namespace

Result<ScopedFd> hold_private_folder(const std::filesystem::path& folder, Clock& clock, Deadline deadline,
                                     const std::stop_token& stop) {
  HEAL_TRY_STATUS(make_private_folder(folder));
  ScopedFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ENOTDIR || errno == ELOOP)) {
    return make_error(ErrorCode::kRefused, "{} is not a folder", folder.string());
  }
  if (!fd) return errno_error(errno, folder.string());
  HEAL_TRY_STATUS(check_private(fd.get(), folder.string()));
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return errno_error(errno, "lock " + folder.string());
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped");
    if (clock.steady_now() >= deadline) {
      return make_error(ErrorCode::kTimeout, "{} is held by another command for too long", folder.string());
    }
    (void)clock.sleep_for(kAskForFolderAgain, stop);
  }
  return fd;
}

}  // namespace heal
