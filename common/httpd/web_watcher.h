#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/httpd/reactor.h"
#include "common/telemetry/metrics.h"

namespace heal::httpd {

/// web.config.yml in force: reads it, and again when it or a file that it names changes. Thread-safe.
class WebWatcher {
 public:
  /// Says why settings that can be read must not come into force. Must be quick, and not call the watcher.
  using Check = std::function<Status(const WebConfig&)>;

  /// Reads the file for the first time; "" for none, which is the empty configuration. `check` decides about every
  /// change that is found; absent: all are taken. `healthy` is 1 while what the file says is in force, else 0.
  static Result<std::unique_ptr<WebWatcher>> create(std::string path, Logger logger, Check check, Gauge healthy);

  /// The settings in force, after a look at the files' times. A file that has become bad is logged once and the old
  /// settings stay; so do they when the new ones would end authentication or TLS (see weakened()): a file that is half
  /// written says that too. reload() takes it.
  std::shared_ptr<const WebState> get();
  /// Reads the files whatever their times, and asks `check` instead of the one given to create().
  Status reload(const Check& check);
  Status reload() { return reload(check_); }

 private:
  /// What tells that a file was replaced or written.
  struct Stamp {
    std::string path;
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    std::int64_t mtime_ns = 0;

    bool operator==(const Stamp&) const = default;
  };

  enum class Cause { kAsked, kChanged };

  WebWatcher(std::string path, Logger logger, Check check, Gauge healthy)
      : path_(std::move(path)), logger_(std::move(logger)), check_(std::move(check)), healthy_(healthy) {}
  static Stamp stamp_of(const std::string& path);
  std::vector<Stamp> stamps(const WebState& state) const;
  static Result<std::shared_ptr<const WebState>> load(const std::string& path);
  Status reload_locked(Cause cause, const Check& check) HEAL_REQUIRES(mutex_);
  Status take_locked(Cause cause, const Check& check) HEAL_REQUIRES(mutex_);

  const std::string path_;
  const Logger logger_;
  const Check check_;
  const Gauge healthy_;
  Mutex mutex_;
  std::shared_ptr<const WebState> state_ HEAL_GUARDED_BY(mutex_);
  std::vector<Stamp> stamps_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::httpd
