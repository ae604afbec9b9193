#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/config/diagnostics.h"
#include "common/playbook/heal_config.h"
#include "common/playbook/playbook.h"

namespace heal::playbook {

/// heal.yml and all its playbooks: what a service runs with, replaced as a whole by a reload.
struct Bundle {
  HealConfig config;
  std::map<std::string, Playbook, std::less<>> playbooks;  ///< by name
  std::string digest;  ///< SHA-256 of the texts of all files that it was read from, whatever their names; "" for none

  /// nullptr when there is none.
  const Playbook* find_playbook(std::string_view name) const;
};

/// Everything that was found in some files. `bundle` is absent when there was an error.
struct LoadResult {
  std::optional<Bundle> bundle;
  config::Diagnostics diagnostics;
  std::vector<std::string> files;  ///< all that were read
};

/// What to make of a secret or a certificate that heal.yml names and that cannot be read: an error where the service
/// runs, a warning where files are only checked.
enum class NamedFiles { kMustBeHere, kMayBeElsewhere };

/// Reads heal.yml and the playbooks that it names, checks each and all together (names used twice, routes to playbooks
/// that do not exist). For `--config.file`, `--config.check` and reload. Reads files; nothing else.
LoadResult load(const std::string& heal_yml, NamedFiles named_files = NamedFiles::kMustBeHere);

/// Checks files of either kind (a map with the key `playbook` is a playbook) one by one; for `healctl playbook check`.
/// Folders and globs are expanded; a path that yields no file is an error. When one of them is a heal.yml its routes
/// are checked against the other files and its own playbooks.
config::Diagnostics check_files(const std::vector<std::string>& paths);

}  // namespace heal::playbook
