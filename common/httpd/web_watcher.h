#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/httpd/reactor.h"

namespace heal::httpd {

/// web.config.yml in force: reads it, and again when it or a file that it names changes. Thread-safe.
class WebWatcher {
 public:
  /// Reads the file for the first time; "" for none.
  static Result<std::unique_ptr<WebWatcher>> create(std::string path, Logger logger);

  /// The settings in force, after a look at the files' times. A file that has become bad is logged once and the old
  /// settings stay.
  std::shared_ptr<const WebState> get();
  /// Reads the files whatever their times.
  Status reload();

 private:
  /// What tells that a file was replaced or written.
  struct Stamp {
    std::string path;
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    std::int64_t mtime_ns = 0;

    bool operator==(const Stamp&) const = default;
  };

  WebWatcher(std::string path, Logger logger) : path_(std::move(path)), logger_(std::move(logger)) {}
  static Stamp stamp_of(const std::string& path);
  std::vector<Stamp> stamps(const WebState& state) const;
  static Result<std::shared_ptr<const WebState>> load(const std::string& path);
  Status reload_locked() HEAL_REQUIRES(mutex_);

  const std::string path_;
  const Logger logger_;
  Mutex mutex_;
  std::shared_ptr<const WebState> state_ HEAL_GUARDED_BY(mutex_);
  std::vector<Stamp> stamps_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::httpd
