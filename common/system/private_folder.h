#pragma once

#include <filesystem>
#include <stop_token>

#include "common/base/result.h"
#include "common/base/scoped_fd.h"
#include "common/port/clock.h"

namespace heal {

/// Holds `folder` for this process alone as long as the descriptor is open; waits for others until `deadline`
/// (kTimeout) or `stop` (kCancelled). The folder is made with mode 0700 when it is not there. kRefused when it is no
/// folder of this user's own, or others may look into it: what it holds decides what is done with our rights.
Result<ScopedFd> hold_private_folder(const std::filesystem::path& folder, Clock& clock, Deadline deadline,
                                     const std::stop_token& stop);

}  // namespace heal
