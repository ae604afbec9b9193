#pragma once

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>

#include "common/base/check.h"

namespace heal::test {

/// An empty folder that is removed with all that is in it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "heal-test-XXXXXX").string();
    HEAL_CHECK(::mkdtemp(name.data()) != nullptr, "a folder for the test can be made");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// The path of a file in it.
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  /// Writes a file in it, with the folders on the way, in one step for whoever reads it meanwhile; gives its path.
  std::string write(const std::string& name, const std::string& text) const {
    const std::string written = file(name);
    std::filesystem::create_directories(std::filesystem::path(written).parent_path());
    {
      std::ofstream out(written + ".new", std::ios::binary);
      out << text;
      HEAL_CHECK(out.flush().good(), "a file of the test can be written");
    }
    std::filesystem::rename(written + ".new", written);
    return written;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace heal::test
