#pragma once

#include <string>

#include "common/port/host_reader.h"

namespace heal {

/// This machine, by a proc file system: of its own PID namespace, or another one's that is mounted somewhere. A process
/// may name itself and its arguments as it likes, and end while it is read.
class ProcReader : public HostReader {
 public:
  explicit ProcReader(std::string proc = "/proc");

  Result<std::vector<SeenProcess>> processes(const std::stop_token& stop) override;
  Result<SeenProgram> program(const SeenProcess& process) override;
  Result<std::uint64_t> open_fds(const SeenProcess& process) override;
  Result<std::int64_t> pid_in(const std::string& pid_file) override;
  Result<HostUsage> usage() override;
  Result<FilesystemUsage> filesystem(const std::string& mount_point) override;

 private:
  /// Whether the process of this folder of proc_ is in another pid namespace than we; false when that cannot be told.
  bool is_in_other_namespace(const std::string& folder) const;

  const std::string proc_;
  const bool is_kernel_;  // and not files that look like it
};

}  // namespace heal
