#include "common/system/disk_reserve.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

#include "common/base/scoped_fd.h"

namespace heal {
namespace {

/// Less than this and a commit may fail for want of space.
constexpr std::uint64_t kFull = 1 << 19;
/// A reserve that is smaller is of no use.
constexpr std::uint64_t kLeast = 1 << 16;
/// The part of the free space that it may take.
constexpr std::uint64_t kShare = 8;
/// What must be free beside it when it is taken, so that it is not given up at once.
constexpr std::uint64_t kRoom = 2 << 20;

}  // namespace

DiskReserve::DiskReserve(std::string path, std::uint64_t bytes)
    : path_(std::move(path)), wanted_(std::min(bytes, free_bytes() / kShare)) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path_, ignored);
  is_held_ = !ignored && size >= kLeast;
  if (!is_held_) take();
}

std::uint64_t DiskReserve::free_bytes() const {
  struct statvfs info {};
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  if (::statvfs(folder.c_str(), &info) != 0) return 0;
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

bool DiskReserve::take() {
  if (wanted_ < kLeast || free_bytes() < wanted_ + std::min(wanted_, kRoom)) return false;
  const ScopedFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return false;
  if (::posix_fallocate(fd.get(), 0, static_cast<off_t>(wanted_)) != 0) {
    ::unlink(path_.c_str());
    return false;
  }
  is_held_ = true;
  return true;
}

bool DiskReserve::spend() {
  if (!is_held_ || free_bytes() >= kFull) return false;
  is_held_ = false;
  return ::unlink(path_.c_str()) == 0;
}

Status DiskReserve::whole() {
  if (is_held_ || wanted_ < kLeast || take()) return {};
  return make_error(ErrorCode::kStorage, "the disk is full: {} was given up so that what runs can be recorded", path_);
}

}  // namespace heal
