#pragma once

#include <filesystem>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <thread>

#include <fmt/format.h>

namespace heal::test {

/// Runs `body` with a file system of `bytes` of its own at `folder`; false when this process may not mount.
template <typename Body>
bool on_small_disk(const std::filesystem::path& folder, int bytes, Body body) {
  bool mounted = false;
  std::thread([&] {
    if (::unshare(CLONE_NEWNS) != 0) return;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    const std::string options = fmt::format("size={}", bytes);
    if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, options.c_str()) != 0) return;
    mounted = true;
    body();
  }).join();
  return mounted;
}

}  // namespace heal::test
