#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/port/process_runner.h"
#include "common/system/posix_process_runner.h"
#include "tests/support/temp_folder.h"

namespace heal::test {

/// A port of 127.0.0.1 on which nobody listens now.
std::uint16_t free_port();

/// Another project's program, running in the background in a folder of its own until this is destroyed.
class Daemon {
 public:
  /// `arguments` follow the program; its working directory is folder().
  Daemon() = default;
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::filesystem::path folder() const { return folder_.path(); }
  void start(std::vector<std::string> argv);
  /// Stops it and gives all that it said on stderr.
  std::string stop();

 private:
  TempFolder folder_;
  PosixProcessRunner runner_;
  Result<ProcessOutcome> outcome_;
  std::jthread thread_;
};

}  // namespace heal::test
