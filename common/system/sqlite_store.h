#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/scoped_fd.h"
#include "common/port/store.h"
#include "common/system/disk_reserve.h"
#include "common/system/sqlite_checkpointer.h"
#include "common/system/sqlite_journal.h"

namespace heal {

/// The store in a folder of the disk: `heal.db` (SQLite, WAL, synchronous=FULL), `lock`, and `reserve`, whose space is
/// given free when the disk is full. Opening reads no history.
/// Several threads may commit and read at once: commits go one after another, reads see the last finished commit.
/// When one of its files is removed or replaced meanwhile, commits fail with kStorage: what they would write could not
/// be found again.
class SqliteStore : public Store {
 public:
  /// Opens the store, made with mode 0700 when there is none. Errors: kConflict when another process holds it (with its
  /// pid) or when it is of a newer schema version; kStorage when it is damaged or not ours, which is never repaired by
  /// making a new one; kUnauthorized and the like for the folder.
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& folder);
  ~SqliteStore() override;

  Status commit(const std::vector<StoreWrite>& writes) override;
  Status check_writable() override;
  Status admits() override;
  Result<std::optional<Episode>> episode(const std::string& key) override;
  Result<std::vector<Episode>> episodes(const std::vector<std::string>& keys) override;
  Result<std::vector<Episode>> episodes_of(const std::string& incident_id) override;
  Result<std::optional<Incident>> incident(const std::string& id) override;
  Result<std::vector<Incident>> incidents(const IncidentQuery& query) override;
  Result<std::vector<Incident>> open_incidents() override;
  Result<std::vector<Episode>> unresolved_episodes() override;
  Result<std::vector<EpisodeRef>> unresolved_refs() override;
  Status each_unresolved(const std::string& source, const std::function<void(const Episode&)>& visit) override;
  Result<std::vector<TimelineEntry>> timeline(const std::string& incident_id) override;
  Result<std::vector<TimelineEntry>> entries_after(std::uint64_t after, std::size_t limit) override;
  Result<std::vector<OpenStep>> open_steps() override;
  Result<std::vector<FaultLease>> leases() override;
  Result<std::optional<std::string>> value(const std::string& key) override;
  Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) override;
  Result<JournalCheck> check_journal() override;
  Result<Swept> sweep(const SweepOrder& order) override;
  Status back_up(const std::string& file) override;

 private:
  using Head = sqlite::JournalHead;
  /// A file that must stay what it was when the store was opened.
  struct HeldFile {
    std::string path;
    std::uint64_t device = 0, inode = 0;
  };
  /// A read connection, given back when this goes away.
  class Reader;

  SqliteStore(ScopedFd lock, std::string path, std::unique_ptr<sqlite::Connection> writer, Head head,
              std::vector<HeldFile> held_files, std::unique_ptr<sqlite::Checkpointer> checkpointer);

  static Result<HeldFile> hold(const std::filesystem::path& path);
  Result<Reader> reader();
  Status check_files() const;
  Status commit_now(const std::vector<StoreWrite>& writes);
  Status write(const std::vector<StoreWrite>& writes, Head& head) HEAL_REQUIRES(writer_mutex_);

  const ScopedFd lock_;
  const std::string path_;
  const std::vector<HeldFile> held_files_;
  DiskReserve reserve_;
  std::atomic<bool> has_failed_ = false;  ///< the last commit did

  Mutex writer_mutex_;
  std::unique_ptr<sqlite::Connection> writer_ HEAL_GUARDED_BY(writer_mutex_);
  Head head_ HEAL_GUARDED_BY(writer_mutex_);
  // Ends before the writer, which copies what is left when it closes.
  const std::unique_ptr<sqlite::Checkpointer> checkpointer_;
  Mutex readers_mutex_;
  std::vector<std::unique_ptr<sqlite::Connection>> idle_readers_ HEAL_GUARDED_BY(readers_mutex_);
};

}  // namespace heal
