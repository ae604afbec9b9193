#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace heal {

/// A file that holds disk space for the moment when there is none left: removed then, so that what is under way can
/// still be written. Thread-safe.
class DiskReserve {
 public:
  /// Makes the file `path` of at most `bytes`, of less on a small disk, and of nothing on one that is full already.
  DiskReserve(std::string path, std::uint64_t bytes);
  DiskReserve(const DiskReserve&) = delete;
  DiskReserve& operator=(const DiskReserve&) = delete;

  /// Gives the space free when the disk is full. False when it is not, or there is nothing to give.
  bool spend();
  /// kStorage while the space is spent; takes it again as soon as there is enough.
  Status whole();

 private:
  bool take();
  std::uint64_t free_bytes() const;

  const std::string path_;
  const std::uint64_t wanted_;
  std::atomic<bool> is_held_ = false;
};

}  // namespace heal
