#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/port/store.h"

namespace heal {

/// What a store's file holds, found by reading all of it.
struct StoreReport {
  std::int64_t schema = 0;
  std::uint64_t incidents = 0;
  JournalCheck journal;

  bool operator==(const StoreReport&) const = default;
};

/// What became of a restore.
struct RestoreReport {
  StoreReport store;
  std::string kept;  ///< the file that the old store was moved to; "" when there was none

  bool operator==(const RestoreReport&) const = default;
};

/// An incident with everything that belongs to it, as a store's file holds it.
struct StoredStory {
  Incident incident;
  std::vector<TimelineEntry> timeline;  ///< oldest first
  std::vector<Episode> episodes;        ///< by received_at

  bool operator==(const StoredStory&) const = default;
};

}  // namespace heal
