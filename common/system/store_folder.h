#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "common/base/scoped_fd.h"

// The folder that a store lies in.

namespace heal {

/// Makes it with mode 0700 when it is not there.
Status make_store_folder(const std::filesystem::path& folder);
/// Holds it for this process alone, as long as the descriptor is open. kConflict when another process does, with its
/// id.
Result<ScopedFd> lock_store_folder(const std::filesystem::path& folder);
/// Makes durable which files it holds.
Status sync_store_folder(const std::filesystem::path& folder);

}  // namespace heal
