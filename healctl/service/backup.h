#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "healctl/service/client.h"

namespace heal::ctl {

/// A file being written beside the place where it belongs; goes away unless it was put there.
class NewFile {
 public:
  /// kConflict when `path` is there: nothing is ever overwritten.
  static Result<NewFile> create(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  Status write(std::string_view bytes);
  /// Makes it durable under its own name.
  Status finish();
  /// Where it lies until finish().
  const std::string& temporary() const { return temporary_; }

 private:
  NewFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

  std::string path_, temporary_;
  int fd_;
};

/// Has the service make a backup and fetches it into `file`; its size. The service's own copy is deleted.
Result<std::uint64_t> fetch_backup(ServiceClient& service, NewFile& file);

}  // namespace heal::ctl
