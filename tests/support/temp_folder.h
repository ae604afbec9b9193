#pragma once

#include <filesystem>
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

 private:
  std::filesystem::path path_;
};

}  // namespace heal::test
