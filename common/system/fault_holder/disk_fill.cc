#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <linux/magic.h>
#include <memory>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "common/base/scoped_fd.h"
#include "common/base/small_file.h"
#include "common/system/fault_holder/things.h"

namespace heal {
namespace {

constexpr std::int64_t kSharedSize = 256 * kMiB;
constexpr std::int64_t kSharedFloor = 1024 * kMiB;
constexpr std::int64_t kSharedPercent = 10;

std::int64_t bytes(std::uint64_t blocks, std::uint64_t size) {
  return static_cast<std::int64_t>(blocks * size);
}

/// A file without a name in the container's file system: its space comes back when we end, however we do.
class DiskFill : public HeldThing {
 public:
  explicit DiskFill(const HolderOrder& order) : order_(order) {}

  Status check() override {
    const std::string path = setting_text(order_, "path");
    if (read_small_file(fmt::format("/proc/{}/cgroup", order_.pid)).find(order_.container) == std::string::npos) {
      return make_error(ErrorCode::kConflict, "process {} is not one of container {}", order_.pid,
                        order_.container.substr(0, 12));
    }
    HEAL_TRY_STATUS(open_folder(path));
    struct statvfs there {};
    struct statfs kind {};
    if (::fstatvfs(folder_.get(), &there) != 0 || ::fstatfs(folder_.get(), &kind) != 0)
      return errno_error(errno, "look at the file system of " + path);
    // A disk may be the engine's, the host's or another container's too; nothing that can be asked says that it is not.
    return plan(path, there, kind.f_type != TMPFS_MAGIC);
  }

  Result<std::string> begin() override {
    HEAL_TRY_STATUS(open_file());
    if (::fallocate(file_.get(), 0, 0, bytes_) != 0) {
      if (errno != EOPNOTSUPP) return errno_error(errno, "fill the file system");
      HEAL_TRY_STATUS(write_zeros());
    }
    return fmt::format("{} filled", mib(bytes_));
  }

  Status end() override {
    // Nothing has a name: what a holder that was killed had is gone with it.
    file_.reset();
    return {};
  }

 private:
  /// Through the container's own root, and never out of it by a link or a name.
  Status open_folder(const std::string& path) {
    const ScopedFd root(::open(fmt::format("/proc/{}/root", order_.pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno_error(errno, fmt::format("open the root of container {}", order_.container.substr(0, 12)));
    ScopedFd at(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::size_t begin = 0;
    while (at && begin < path.size()) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string part = path.substr(begin, end - begin);
      begin = end + 1;
      if (part.empty() || part == ".") continue;
      if (part == "..") return make_error(ErrorCode::kRefused, "fault disk: path {}: no \"..\" in it", path);
      const int next = ::openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      const int error = errno;
      at.reset(next);
      errno = error;
    }
    if (!at) return errno_error(errno, fmt::format("open {} in the container (links are not followed)", path));
    folder_ = std::move(at);
    return {};
  }

  Status plan(const std::string& path, const struct statvfs& there, bool is_shared) {
    const std::int64_t total = bytes(there.f_blocks, there.f_frsize);
    const std::int64_t free = bytes(there.f_bavail, there.f_frsize);
    std::int64_t leave = std::max(total / 100 * setting_number(order_, "leave_percent", 5), kMiB / 4);
    // What the engine, the machine or others live on must never run full.
    if (is_shared) leave = std::max({leave, total / 100 * kSharedPercent, kSharedFloor});
    bytes_ = setting_number(order_, "size", is_shared ? kSharedSize : free);
    bytes_ = std::min(bytes_, free - leave);
    if (there.f_blocks == 0) return make_error(ErrorCode::kRefused, "fault disk: {} is on no disk", path);
    if (bytes_ > 0) return {};
    return make_error(ErrorCode::kRefused, "fault disk: {} has {} of {} free, and {} must stay free", path, mib(free),
                      mib(total), mib(leave));
  }

  Status open_file() {
    file_.reset(::openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    if (file_) return {};
    // A file system that has no files without names: it has one for a moment, while it is empty.
    const std::string name = ".heal-fault-" + order_.lease;
    file_.reset(::openat(folder_.get(), name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    if (!file_) return errno_error(errno, "make a file in the container");
    if (::unlinkat(folder_.get(), name.c_str(), 0) == 0) return {};
    return errno_error(errno, "take the file's name away");
  }

  Status write_zeros() const {
    const std::vector<char> zeros(static_cast<std::size_t>(kMiB), '\0');
    for (std::int64_t left = bytes_; left > 0;) {
      const auto written = ::write(file_.get(), zeros.data(), static_cast<std::size_t>(std::min(left, kMiB)));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return errno_error(errno, "fill the file system");
      left -= written;
    }
    return {};
  }

  const HolderOrder order_;
  ScopedFd folder_, file_;
  std::int64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<HeldThing> make_disk_fill(const HolderOrder& order) {
  return std::make_unique<DiskFill>(order);
}

}  // namespace heal
