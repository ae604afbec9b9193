#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "healctl/direct/settings.h"

namespace heal::ctl {

/// What `--direct` needs of the world to find or begin the keeper of a folder.
struct DirectPorts {
  /// Makes the folder when it is not there, checks that it is this user's alone, and holds it for as long as what it
  /// gives lives, so that two commands do not begin two keepers. Waits for others until `deadline` or `stop`.
  std::function<Result<std::shared_ptr<void>>(const std::string& folder, Deadline deadline, std::stop_token stop)>
      hold_folder;
  /// Begins a keeper that outlives us, and waits until it answers or says why it cannot. kConflict: another one has the
  /// folder's ledger.
  std::function<Status(const std::string& folder, const KeeperSettings& settings, Deadline deadline,
                       std::stop_token stop)>
      start_keeper;
};

}  // namespace heal::ctl
