#pragma once

#include <string>

namespace heal::remedy {

/// What the lever's file says at one moment. Only a file whose first word is `run` lets anything be done: one that is
/// missing, empty, cannot be read or says anything else means stop.
struct LeverFile {
  std::string path;  ///< "" when none is configured, which lets everything be done
  bool is_run = true;
  std::string message;  ///< what was found, for people

  bool operator==(const LeverFile&) const = default;
};

/// Reads `lever.file` of heal.yml; `config_file` is where relative names start. Reads one small file.
LeverFile read_lever_file(const std::string& file, const std::string& config_file);

}  // namespace heal::remedy
