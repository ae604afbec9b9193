#include "common/system/store_files.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "common/system/sqlite.h"
#include "common/system/sqlite_journal.h"
#include "common/system/sqlite_rows.h"
#include "common/system/sqlite_schema.h"
#include "common/system/store_folder.h"

namespace heal {
namespace {

namespace fs = std::filesystem;
using sqlite::Connection;

Status check_pages(Connection& connection) {
  HEAL_TRY(auto query, connection.query("PRAGMA quick_check(1)"));
  HEAL_TRY(const bool row, query.step());
  const std::string found = row ? query.text(0) : "no answer";
  if (found != "ok") return make_error(ErrorCode::kStorage, "the database file is damaged: {}", found);
  return {};
}

Result<StoreReport> inspect(Connection& connection) {
  HEAL_TRY_STATUS(sqlite::check_identity(connection));
  StoreReport report;
  HEAL_TRY(report.schema, connection.number("PRAGMA user_version"));
  const auto newest = static_cast<std::int64_t>(sqlite::schema_steps().size());
  if (report.schema > newest) {
    return make_error(ErrorCode::kConflict,
                      "it has schema version {}, this program knows versions up to {}: use the newer program",
                      report.schema, newest);
  }
  HEAL_TRY_STATUS(check_pages(connection));
  HEAL_TRY(const std::int64_t incidents, connection.number("SELECT count(*) FROM incidents"));
  report.incidents = static_cast<std::uint64_t>(incidents);
  HEAL_TRY(report.journal, sqlite::check_journal(connection));
  return report;
}

template <typename Row, typename Read>
Status collect(sqlite::Query query, std::vector<Row>& out, const Read& read) {
  for (;;) {
    HEAL_TRY(const bool row, query.step());
    if (!row) return {};
    HEAL_TRY(auto one, read(query));
    out.push_back(std::move(one));
  }
}

Result<std::vector<StoredStory>> stories(Connection& connection, WallTime since, std::size_t limit) {
  HEAL_TRY_STATUS(sqlite::check_identity(connection));
  std::vector<Incident> incidents;
  HEAL_TRY(auto newest, connection.query("SELECT doc FROM incidents WHERE detected_at >= ? ORDER BY id DESC LIMIT ?"));
  newest.bind(since, static_cast<std::uint64_t>(limit));
  HEAL_TRY_STATUS(collect(std::move(newest), incidents, sqlite::read_incident));
  std::vector<StoredStory> out;
  for (Incident& incident : incidents) {
    StoredStory story;
    HEAL_TRY(auto entries, connection.query("SELECT " HEAL_ENTRY_COLUMNS
                                            " FROM entries WHERE incident_id = ? AND kind <> '' ORDER BY sequence"));
    entries.bind(std::string_view(incident.id));
    HEAL_TRY_STATUS(collect(std::move(entries), story.timeline,
                            [](const sqlite::Query& row) { return Result<TimelineEntry>(sqlite::read_entry(row)); }));
    HEAL_TRY(auto episodes, connection.query("SELECT " HEAL_EPISODE_COLUMNS
                                             " FROM episodes WHERE incident_id = ? ORDER BY received_at, key"));
    episodes.bind(std::string_view(incident.id));
    HEAL_TRY_STATUS(collect(std::move(episodes), story.episodes, sqlite::read_episode));
    story.incident = std::move(incident);
    out.push_back(std::move(story));
  }
  return out;
}

/// "20300102T030405Z".
std::string file_time(WallTime now) {
  std::string out;
  for (const char c : format_rfc3339(now).substr(0, 19)) {
    if (c != '-' && c != ':') out += c;
  }
  return out + "Z";
}

/// Writes what the old store's log holds into its file, when that can still be done.
void fold_log(const fs::path& file) {
  auto old = Connection::open(file.string(), Connection::Mode::kReadWrite);
  if (old.has_value()) (void)(*old)->execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

Status move_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error(errno, fmt::format("move {} to {}", from.string(), to.string()));
}

/// Gives the old store another name beside its own; its file stays in place until the new one takes it.
Result<std::string> keep_old(const fs::path& file, WallTime now) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::string();
  const fs::path kept = file.string() + ".before-restore-" + file_time(now);
  if (fs::exists(kept, ignored)) return make_error(ErrorCode::kConflict, "{} is there already", kept.string());
  fold_log(file);
  // What is left of a log belongs to the old file: the new one must never meet it.
  HEAL_TRY_STATUS(move_file(file.string() + "-wal", kept.string() + "-wal"));
  fs::remove(file.string() + "-shm", ignored);
  if (::link(file.c_str(), kept.c_str()) != 0) return errno_error(errno, fmt::format("keep {}", file.string()));
  return kept.string();
}

Status copy_store(const fs::path& from, const fs::path& to) {
  std::error_code ignored;
  for (const char* suffix : {"", "-journal", "-wal", "-shm"})
    fs::remove(to.string() + suffix, ignored);
  HEAL_TRY(auto source, Connection::open(from.string(), Connection::Mode::kReadOnly));
  HEAL_TRY_STATUS(source->copy_to(to.string()));
  if (::chmod(to.c_str(), 0600) != 0) return errno_error(errno, "set the mode of the new heal.db");
  return {};
}

Result<RestoreReport> restore(const fs::path& file, const fs::path& folder, WallTime now) {
  RestoreReport report;
  HEAL_TRY(report.store, inspect_store(file));
  if (report.store.journal.first_altered) {
    return make_error(ErrorCode::kInvalid, "{}: its journal was altered: entry {} is not what was written",
                      file.string(), *report.store.journal.first_altered);
  }
  HEAL_TRY_STATUS(make_store_folder(folder));
  HEAL_TRY(const ScopedFd lock, lock_store_folder(folder));
  const fs::path place = folder / "heal.db";
  const fs::path fresh = folder / "heal.db.new";
  HEAL_TRY_STATUS(copy_store(file, fresh));
  HEAL_TRY(const StoreReport copied, inspect_store(fresh));
  if (copied != report.store) return make_error(ErrorCode::kStorage, "{} changed while it was copied", file.string());
  HEAL_TRY(report.kept, keep_old(place, now));
  HEAL_TRY_STATUS(move_file(fresh, place));
  HEAL_TRY_STATUS(sync_store_folder(folder));
  return report;
}

}  // namespace

Result<StoreReport> inspect_store(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return make_error(ErrorCode::kNotFound, "{}: no such file", file.string());
  const auto read = [&]() -> Result<StoreReport> {
    HEAL_TRY(auto connection, Connection::open(file.string(), Connection::Mode::kReadOnly));
    return inspect(*connection);
  };
  return read().with_context("{}", file.string());
}

Result<std::vector<StoredStory>> read_stories(const fs::path& file, WallTime since, std::size_t limit) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return make_error(ErrorCode::kNotFound, "{}: no such file", file.string());
  const auto read = [&]() -> Result<std::vector<StoredStory>> {
    HEAL_TRY(auto connection, Connection::open(file.string(), Connection::Mode::kReadOnly));
    return stories(*connection, since, limit);
  };
  return read().with_context("{}", file.string());
}

Result<RestoreReport> restore_store(const fs::path& file, const fs::path& folder, WallTime now) {
  return restore(file, folder, now).with_context("restore into {}", folder.string());
}

}  // namespace heal
