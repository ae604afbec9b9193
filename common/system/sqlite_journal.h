#pragma once

#include "common/port/journal.h"
#include "common/port/store.h"
#include "common/system/sqlite.h"

// The journal and retention in the tables of sqlite_schema.cc.

namespace heal::sqlite {

/// Where the journal ends.
struct JournalHead {
  std::uint64_t sequence = 0;
  Sha256 hash{};

  bool operator==(const JournalHead&) const = default;
};

Result<JournalHead> read_head(Connection& connection);
Status write_head(Connection& connection, const JournalHead& head);
/// Gives the entry its place at the end of the journal, and writes it.
Status append_entry(Connection& connection, const TimelineEntry& entry, JournalHead& head);

/// Store::check_journal(), in a transaction of its own.
Result<JournalCheck> check_journal(Connection& connection);

/// Store::sweep() within a transaction that somebody else began. `head` is moved.
Result<Swept> sweep(Connection& connection, const SweepOrder& order, JournalHead& head);

}  // namespace heal::sqlite
