#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/store_files.h"

// Stores as files, without a service.

namespace heal {

/// Reads all of the store in `file` (a backup, or a heal.db, which a service may hold) and changes nothing. kStorage
/// when it is damaged or not ours, kConflict when it is of a newer schema version, kNotFound.
Result<StoreReport> inspect_store(const std::filesystem::path& file);

/// What a store's file tells of the newest `limit` incidents that were detected at or after `since`, newest first.
/// Errors as inspect_store's.
Result<std::vector<StoredStory>> read_stories(const std::filesystem::path& file, WallTime since, std::size_t limit);

/// Puts what `file` holds in the place of the store in `folder`. Refused, with nothing done, when a service holds the
/// store (kConflict), and when `file` is damaged or its journal was altered. The old store stays under a name of its
/// own; whatever happens in between, one of the two is in place.
Result<RestoreReport> restore_store(const std::filesystem::path& file, const std::filesystem::path& folder,
                                    WallTime now);

}  // namespace heal
