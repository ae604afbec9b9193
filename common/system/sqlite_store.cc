#include "common/system/sqlite_store.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <sys/stat.h>

#include <fmt/format.h>

#include "common/system/sqlite.h"
#include "common/system/sqlite_journal.h"
#include "common/system/sqlite_rows.h"
#include "common/system/sqlite_schema.h"
#include "common/system/store_folder.h"

namespace heal {
namespace {

using sqlite::Connection;
using sqlite::Query;
namespace fs = std::filesystem;

constexpr std::size_t kMaxIdleReaders = 4;
/// Some hundred commits of what runs.
constexpr std::uint64_t kReserveBytes = 16 << 20;
/// Of new stores. In SQLite's usual 4096 only two alerts with their annotations have room, and a third is left empty.
constexpr std::size_t kPageBytes = 8192;

/// Makes the file under another name and moves it into place complete, so that a file without our tables is never the
/// trace of a crash but always damage.
Status create_database(const fs::path& folder) {
  const fs::path fresh = folder / "heal.db.new";
  std::error_code ignored;
  for (const char* suffix : {"", "-journal", "-wal", "-shm"})
    fs::remove(fresh.string() + suffix, ignored);
  {
    HEAL_TRY(auto connection, Connection::open(fresh.string(), Connection::Mode::kCreate));
    if (::chmod(fresh.c_str(), 0600) != 0) return errno_error(errno, "set the mode of heal.db");
    HEAL_TRY_STATUS(connection->execute(fmt::format("PRAGMA page_size={}", kPageBytes)));
    HEAL_TRY_STATUS(sqlite::migrate(*connection, sqlite::schema_steps()));
  }
  if (::rename(fresh.c_str(), (folder / "heal.db").c_str()) != 0) return errno_error(errno, "rename heal.db.new");
  return sync_store_folder(folder);
}

Result<std::unique_ptr<Connection>> open_writer(const fs::path& folder) {
  const fs::path file = folder / "heal.db";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    if (fs::exists(file.string() + "-wal", ignored)) {
      return make_error(ErrorCode::kStorage, "heal.db is gone but its log heal.db-wal is there: restore heal.db");
    }
    HEAL_TRY_STATUS(create_database(folder));
  }
  HEAL_TRY(auto writer, Connection::open(file.string(), Connection::Mode::kReadWrite));
  HEAL_TRY_STATUS(sqlite::check_identity(*writer));
  HEAL_TRY_STATUS(
      writer->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA "
                      "busy_timeout=1000; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"));
  HEAL_TRY_STATUS(sqlite::migrate(*writer, sqlite::schema_steps()));
  writer->count_log();
  return writer;
}

template <typename T>
std::optional<T> first_of(std::vector<T> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

template <typename T, typename Read>
Result<std::vector<T>> read_all(Query& query, Read read) {
  std::vector<T> rows;
  while (true) {
    HEAL_TRY(const bool row, query.step());
    if (!row) return rows;
    if constexpr (std::is_same_v<std::invoke_result_t<Read, const Query&>, T>) {
      rows.push_back(read(query));
    } else {
      HEAL_TRY(rows.emplace_back(), read(query));
    }
  }
}

template <typename T, typename Read, typename... Values>
Result<std::vector<T>> select(Connection& connection, std::string_view sql, Read read, const Values&... values) {
  HEAL_TRY(auto query, connection.query(sql));
  query.bind(values...);
  return read_all<T>(query, read);
}

/// The smallest id among the incidents of a time on, so that the walk by falling id stops where they end.
Result<std::string> smallest_id_since(Connection& connection, WallTime since) {
  HEAL_TRY(auto ids,
           select<std::string>(
               connection, "SELECT min(id) FROM incidents INDEXED BY incidents_detected WHERE detected_at >= ?",
               [](const Query& row) { return row.text(0); }, since));
  return ids.empty() ? std::string() : std::move(ids.front());
}

Result<std::vector<Incident>> select_incidents(Connection& connection, const IncidentQuery& wanted,
                                               std::string_view state, std::size_t limit) {
  std::string lowest;
  if (wanted.since) {
    HEAL_TRY(lowest, smallest_id_since(connection, *wanted.since));
    if (lowest.empty()) return std::vector<Incident>();
  }
  std::string sql = "SELECT doc FROM incidents WHERE ";
  if (!state.empty()) sql += "state=?1 AND ";
  if (!wanted.target.empty()) sql += "target=?2 AND target<>'' AND ";
  if (!wanted.playbook.empty()) sql += "playbook=?3 AND playbook<>'' AND ";
  if (!wanted.before_id.empty()) sql += "id<?4 AND ";
  if (wanted.since) sql += "id>=?5 AND detected_at>=?6 AND ";
  sql += "1 ORDER BY id DESC LIMIT ?7";
  HEAL_TRY(auto query, connection.query(sql));
  query.bind(state, wanted.target, wanted.playbook, wanted.before_id, lowest, wanted.since,
             static_cast<std::int64_t>(limit));
  return read_all<Incident>(query, sqlite::read_incident);
}

/// Writes one StoreWrite; entries are chained on `head`.
struct Writer {
  Connection& connection;
  sqlite::JournalHead& head;

  Status operator()(const PutEpisode& put) { return sqlite::write(connection, put.episode); }
  Status operator()(const PutIncident& put) { return sqlite::write(connection, put.incident); }
  Status operator()(const PutStepIntent& put) { return sqlite::write(connection, put.step); }
  Status operator()(const PutLease& put) { return sqlite::write(connection, put.lease); }
  Status operator()(const AppendEntry& append) { return sqlite::append_entry(connection, append.entry, head); }
  Status operator()(const PutStepOutcome& put) {
    HEAL_TRY(auto query, connection.query("DELETE FROM open_steps WHERE incident_id=? AND step_id=?"));
    return query.bind(put.incident_id, put.step_id).run();
  }
  Status operator()(const PutValue& put) {
    HEAL_TRY(auto query, connection.query("REPLACE INTO stored_values(key,value) VALUES (?,?)"));
    return query.bind(put.key, put.value).run();
  }
  Status operator()(const DeleteValue& gone) {
    HEAL_TRY(auto query, connection.query("DELETE FROM stored_values WHERE key=?"));
    return query.bind(gone.key).run();
  }
};

}  // namespace

class SqliteStore::Reader {
 public:
  Reader(SqliteStore& store, std::unique_ptr<Connection> connection)
      : store_(&store), connection_(std::move(connection)) {}
  Reader(Reader&&) = default;
  Reader& operator=(Reader&&) = delete;
  ~Reader() {
    if (!connection_) return;
    MutexLock lock(store_->readers_mutex_);
    if (store_->idle_readers_.size() < kMaxIdleReaders) store_->idle_readers_.push_back(std::move(connection_));
  }

  Connection& operator*() const { return *connection_; }

 private:
  SqliteStore* store_;
  std::unique_ptr<Connection> connection_;
};

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const fs::path& folder) {
  const auto open_all = [&]() -> Result<std::unique_ptr<SqliteStore>> {
    HEAL_TRY_STATUS(make_store_folder(folder));
    HEAL_TRY(ScopedFd lock, lock_store_folder(folder));
    HEAL_TRY(auto writer, open_writer(folder));
    HEAL_TRY(const Head head, sqlite::read_head(*writer));
    std::vector<HeldFile> files;
    for (const char* name : {"lock", "heal.db", "heal.db-wal"}) {
      HEAL_TRY(files.emplace_back(), hold(folder / name));
    }
    const std::string path = (folder / "heal.db").string();
    HEAL_TRY(auto checkpointer, sqlite::Checkpointer::start(path));
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(std::move(lock), path, std::move(writer), head, std::move(files), std::move(checkpointer)));
  };
  return open_all().with_context("store {}", folder.string());
}

SqliteStore::SqliteStore(ScopedFd lock, std::string path, std::unique_ptr<Connection> writer, Head head,
                         std::vector<HeldFile> held_files, std::unique_ptr<sqlite::Checkpointer> checkpointer)
    : lock_(std::move(lock)),
      path_(std::move(path)),
      held_files_(std::move(held_files)),
      reserve_((fs::path(path_).parent_path() / "reserve").string(), kReserveBytes),
      writer_(std::move(writer)),
      head_(head),
      checkpointer_(std::move(checkpointer)) {}

SqliteStore::~SqliteStore() = default;

Result<SqliteStore::Reader> SqliteStore::reader() {
  {
    MutexLock lock(readers_mutex_);
    if (!idle_readers_.empty()) {
      Reader reader(*this, std::move(idle_readers_.back()));
      idle_readers_.pop_back();
      return reader;
    }
  }
  HEAL_TRY(auto connection, Connection::open(path_, Connection::Mode::kReadOnly));
  return Reader(*this, std::move(connection));
}

Result<SqliteStore::HeldFile> SqliteStore::hold(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_error(errno, path.filename().string());
  return HeldFile{path.string(), info.st_dev, info.st_ino};
}

Status SqliteStore::check_files() const {
  for (const auto& file : held_files_) {
    struct stat info {};
    const bool is_there = ::stat(file.path.c_str(), &info) == 0;
    if (is_there && info.st_dev == file.device && info.st_ino == file.inode) continue;
    return make_error(ErrorCode::kStorage, "{} was {} while in use: put it back, or start the service again", file.path,
                      is_there ? "replaced" : "removed");
  }
  return {};
}

Status SqliteStore::commit(const std::vector<StoreWrite>& writes) {
  if (writes.empty()) return {};
  Status done = commit_now(writes);
  if (!done.has_value() && reserve_.spend()) done = commit_now(writes);
  has_failed_ = !done.has_value();
  return done;
}

Status SqliteStore::check_writable() {
  HEAL_TRY_STATUS(check_files());
  HEAL_TRY_STATUS(admits());
  if (!has_failed_) return {};
  // As much as most commits take, so that a full disk does not look like a good one.
  constexpr std::size_t kProbeBytes = 128 << 10;
  return commit({PutValue{"store/probe", std::string(kProbeBytes, 'x')}});
}

Status SqliteStore::admits() {
  return reserve_.whole();
}

Status SqliteStore::commit_now(const std::vector<StoreWrite>& writes) {
  MutexLock lock(writer_mutex_);
  // SQLite goes on writing into files that nobody can open any more.
  HEAL_TRY_STATUS(check_files());
  HEAL_TRY(auto transaction, sqlite::Transaction::begin(*writer_, sqlite::Transaction::Kind::kWrite));
  Head head = head_;
  HEAL_TRY_STATUS(write(writes, head));
  HEAL_TRY_STATUS(transaction.commit());
  head_ = head;
  checkpointer_->after_commit(*writer_);
  return {};
}

Status SqliteStore::write(const std::vector<StoreWrite>& writes, Head& head) {
  const std::uint64_t before = head.sequence;
  Writer writer{*writer_, head};
  for (const StoreWrite& write : writes)
    HEAL_TRY_STATUS(std::visit(writer, write));
  if (head.sequence == before) return {};
  return sqlite::write_head(*writer_, head);
}

Result<std::optional<Episode>> SqliteStore::episode(const std::string& key) {
  HEAL_TRY(auto reader, this->reader());
  HEAL_TRY(auto rows, select<Episode>(*reader, "SELECT " HEAL_EPISODE_COLUMNS " FROM episodes WHERE key=?",
                                      sqlite::read_episode, key));
  return first_of(std::move(rows));
}

Result<std::vector<Episode>> SqliteStore::episodes(const std::vector<std::string>& keys) {
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  HEAL_TRY(auto reader, this->reader());
  HEAL_TRY(auto snapshot, sqlite::Transaction::begin(*reader, sqlite::Transaction::Kind::kRead));
  std::vector<Episode> found;
  for (const std::string& key : sorted) {
    HEAL_TRY(auto query, (*reader).query("SELECT " HEAL_EPISODE_COLUMNS " FROM episodes WHERE key=?"));
    HEAL_TRY(const bool row, query.bind(key).step());
    if (!row) continue;
    HEAL_TRY(found.emplace_back(), sqlite::read_episode(query));
  }
  return found;
}

Result<std::vector<Episode>> SqliteStore::episodes_of(const std::string& incident_id) {
  HEAL_TRY(auto reader, this->reader());
  return select<Episode>(*reader,
                         "SELECT " HEAL_EPISODE_COLUMNS " FROM episodes WHERE incident_id=? ORDER BY received_at, key",
                         sqlite::read_episode, incident_id);
}

Result<std::optional<Incident>> SqliteStore::incident(const std::string& id) {
  HEAL_TRY(auto reader, this->reader());
  HEAL_TRY(auto rows, select<Incident>(*reader, "SELECT doc FROM incidents WHERE id=?", sqlite::read_incident, id));
  return first_of(std::move(rows));
}

Result<std::vector<Incident>> SqliteStore::incidents(const IncidentQuery& query) {
  HEAL_TRY(auto reader, this->reader());
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, 1000);
  if (query.states.empty()) return select_incidents(*reader, query, "", limit);
  // One ordered walk per state, so that no walk has to sort or to skip what is not wanted.
  std::vector<IncidentState> states = query.states;
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  std::vector<Incident> found;
  for (const IncidentState state : states) {
    HEAL_TRY(auto part, select_incidents(*reader, query, to_string(state), limit));
    found.insert(found.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  std::sort(found.begin(), found.end(), [](const Incident& a, const Incident& b) { return a.id > b.id; });
  if (found.size() > limit) found.resize(limit);
  return found;
}

Result<std::vector<Incident>> SqliteStore::open_incidents() {
  HEAL_TRY(auto reader, this->reader());
  return select<Incident>(*reader, "SELECT doc FROM incidents INDEXED BY incidents_open WHERE is_open ORDER BY id",
                          sqlite::read_incident);
}

Result<std::vector<Episode>> SqliteStore::unresolved_episodes() {
  HEAL_TRY(auto reader, this->reader());
  return select<Episode>(*reader,
                         "SELECT " HEAL_EPISODE_COLUMNS
                         " FROM episodes INDEXED BY episodes_unresolved WHERE resolved_at IS NULL "
                         "ORDER BY received_at, key",
                         sqlite::read_episode);
}

Result<std::vector<EpisodeRef>> SqliteStore::unresolved_refs() {
  HEAL_TRY(auto reader, this->reader());
  return select<EpisodeRef>(*reader,
                            "SELECT key,source,incident_id FROM episodes INDEXED BY episodes_unresolved "
                            "WHERE resolved_at IS NULL ORDER BY received_at, key",
                            [](const Query& row) {
                              return EpisodeRef{row.text(0), row.text(1), row.text(2)};
                            });
}

Status SqliteStore::each_unresolved(const std::string& source, const std::function<void(const Episode&)>& visit) {
  HEAL_TRY(auto reader, this->reader());
  HEAL_TRY(auto query, (*reader).query("SELECT " HEAL_EPISODE_COLUMNS " FROM episodes INDEXED BY episodes_unresolved "
                                       "WHERE resolved_at IS NULL AND source=? ORDER BY received_at, key"));
  query.bind(source);
  while (true) {
    HEAL_TRY(const bool row, query.step());
    if (!row) return {};
    HEAL_TRY(const Episode episode, sqlite::read_episode(query));
    visit(episode);
  }
}

Result<std::vector<TimelineEntry>> SqliteStore::timeline(const std::string& incident_id) {
  HEAL_TRY(auto reader, this->reader());
  return select<TimelineEntry>(
      *reader, "SELECT " HEAL_ENTRY_COLUMNS " FROM entries WHERE incident_id=? AND kind<>'' ORDER BY sequence",
      sqlite::read_entry, incident_id);
}

Result<std::vector<TimelineEntry>> SqliteStore::entries_after(std::uint64_t after, std::size_t limit) {
  HEAL_TRY(auto reader, this->reader());
  return select<TimelineEntry>(
      *reader, "SELECT " HEAL_ENTRY_COLUMNS " FROM entries WHERE sequence>? AND kind<>'' ORDER BY sequence LIMIT ?",
      sqlite::read_entry, after, static_cast<std::int64_t>(limit));
}

Result<std::vector<OpenStep>> SqliteStore::open_steps() {
  HEAL_TRY(auto reader, this->reader());
  return select<OpenStep>(*reader,
                          "SELECT incident_id,step_id,intended_at,data FROM open_steps "
                          "ORDER BY incident_id, intended_at, step_id",
                          sqlite::read_open_step);
}

Result<std::vector<FaultLease>> SqliteStore::leases() {
  HEAL_TRY(auto reader, this->reader());
  return select<FaultLease>(*reader,
                            "SELECT " HEAL_LEASE_COLUMNS
                            " FROM leases WHERE state<>'reverted' UNION ALL SELECT * FROM (SELECT " HEAL_LEASE_COLUMNS
                            " FROM leases WHERE state='reverted' ORDER BY injected_at DESC, id DESC LIMIT 100) "
                            "ORDER BY injected_at, id",
                            sqlite::read_lease);
}

Result<std::optional<std::string>> SqliteStore::value(const std::string& key) {
  HEAL_TRY(auto reader, this->reader());
  HEAL_TRY(auto rows, select<std::string>(
                          *reader, "SELECT value FROM stored_values WHERE key=?",
                          [](const Query& row) { return row.text(0); }, key));
  return first_of(std::move(rows));
}

Result<std::vector<std::pair<std::string, std::string>>> SqliteStore::values(const std::string& prefix) {
  using Pair = std::pair<std::string, std::string>;
  HEAL_TRY(auto reader, this->reader());
  HEAL_TRY(auto query, (*reader).query("SELECT key,value FROM stored_values WHERE key>=? ORDER BY key"));
  query.bind(prefix);
  std::vector<Pair> found;
  while (true) {
    HEAL_TRY(const bool row, query.step());
    if (!row || !query.text_view(0).starts_with(prefix)) return found;
    found.emplace_back(query.text(0), query.text(1));
  }
}

Result<JournalCheck> SqliteStore::check_journal() {
  HEAL_TRY(auto reader, this->reader());
  return sqlite::check_journal(*reader);
}

Result<Swept> SqliteStore::sweep(const SweepOrder& order) {
  MutexLock lock(writer_mutex_);
  HEAL_TRY_STATUS(check_files());
  HEAL_TRY(auto transaction, sqlite::Transaction::begin(*writer_, sqlite::Transaction::Kind::kWrite));
  Head head = head_;
  HEAL_TRY(auto swept, sqlite::sweep(*writer_, order, head));
  HEAL_TRY_STATUS(transaction.commit());
  head_ = head;
  checkpointer_->after_commit(*writer_);
  return swept;
}

Status SqliteStore::back_up(const std::string& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return make_error(ErrorCode::kConflict, "{} is there already", file);
  HEAL_TRY(auto reader, this->reader());
  const Status copied = (*reader).copy_to(file).with_context("back up to {}", file);
  if (!copied.has_value()) fs::remove(file, ignored);
  return copied;
}

}  // namespace heal
