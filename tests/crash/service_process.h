#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "common/base/scoped_fd.h"
#include "common/base/time.h"

namespace heal::test {

/// crash-webhook as a child process. Killed and waited for when it still runs at the end.
class ServiceProcess {
 public:
  /// `arguments`: CONFIG STORAGE [before|after N]. Returns when it serves or has died.
  explicit ServiceProcess(const std::vector<std::string>& arguments);
  ~ServiceProcess();
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  /// 0 when it died before it served.
  std::uint16_t port() const { return port_; }
  /// Whether it has ended, waiting for that at most this long.
  bool has_ended(Duration patience);
  /// Lets it stop in its own way and gives its exit code; -N when signal N ended it.
  int stop();

 private:
  std::uint16_t read_port();
  void reap(int options);

  pid_t pid_ = -1;
  ScopedFd input_, output_, process_;
  std::optional<int> status_;
  std::uint16_t port_ = 0;
};

}  // namespace heal::test
