#include "common/system/sqlite.h"

#include <utility>

#include <sqlite3.h>

#include "common/base/check.h"

namespace heal::sqlite {
namespace {

std::string_view describe(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return "no space left on the disk";
    case SQLITE_CORRUPT:
      return "the database file is damaged";
    case SQLITE_NOTADB:
      return "the file is not a database of this service";
    case SQLITE_READONLY:
      return "the database file cannot be written";
    case SQLITE_CANTOPEN:
      return "the database file cannot be opened";
    case SQLITE_IOERR:
      return "reading or writing the disk failed";
    default:
      return "the database refused";
  }
}

Error error_of(sqlite3* db, int code) {
  return make_error(ErrorCode::kStorage, "{} ({}, code {})", describe(code), db ? sqlite3_errmsg(db) : "no detail",
                    code);
}

/// SQLite counts its memory under a lock of the whole process, and nobody asks for the count. Before its first use.
void configure_once() {
  [[maybe_unused]] static const int kConfigured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::bind_one(int index, std::string_view text) {
  // A null pointer would bind NULL: an empty view may have one.
  const char* data = text.data() == nullptr ? "" : text.data();
  sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Query::bind_one(int index, std::int64_t number) {
  sqlite3_bind_int64(statement_, index, number);
}

void Query::bind_one(int index, const std::optional<WallTime>& time) {
  if (time) bind_one(index, *time);
}

void Query::bind_blob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

Result<bool> Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return error_of(sqlite3_db_handle(statement_), code);
}

Status Query::run() {
  HEAL_TRY([[maybe_unused]] const bool row, step());
  return {};
}

std::string_view Query::text_view(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string Query::text(int column) const {
  return std::string(text_view(column));
}

std::int64_t Query::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<WallTime> Query::optional_time(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return time(column);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Mode mode) {
  configure_once();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (mode == Mode::kReadOnly) flags |= SQLITE_OPEN_READONLY;
  if (mode == Mode::kReadWrite) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(db));
  if (code != SQLITE_OK) return error_of(db, code);
  // Readers may meet a checkpoint; nobody else has the file open.
  sqlite3_busy_timeout(db, 5000);
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_)
    sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Status Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error_of(db_, code);
  return {};
}

Result<Query> Connection::query(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    HEAL_CHECK(!sqlite3_stmt_busy(found->second), "a statement is used once at a time");
    return Query(found->second);
  }
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error_of(db_, code);
  // The key is the statement's own copy of its text.
  statements_.emplace(sqlite3_sql(statement), statement);
  return Query(statement);
}

Result<std::int64_t> Connection::number(std::string_view sql) {
  HEAL_TRY(auto query, this->query(sql));
  HEAL_TRY(const bool row, query.step());
  if (!row) return make_error(ErrorCode::kStorage, "the database gave no row");
  return query.number(0);
}

std::size_t Connection::changes() const {
  return static_cast<std::size_t>(sqlite3_changes64(db_));
}

Status Connection::copy_to(const std::string& path) {
  HEAL_TRY(auto copy, open(path, Mode::kCreate));
  sqlite3_backup* const backup = sqlite3_backup_init(copy->db_, "main", db_, "main");
  if (backup == nullptr) return error_of(copy->db_, sqlite3_errcode(copy->db_));
  // In one go: what is written meanwhile goes into the log and does not make the copy begin anew.
  const int code = sqlite3_backup_step(backup, -1);
  const int ended = sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) return error_of(copy->db_, code);
  if (ended != SQLITE_OK) return error_of(copy->db_, ended);
  return copy->execute("PRAGMA journal_mode=DELETE");
}

void Connection::count_log() {
  const auto note = [](void* frames, sqlite3* /*db*/, const char* /*name*/, int number) {
    *static_cast<std::size_t*>(frames) = static_cast<std::size_t>(number);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_, note, &log_frames_);
}

Result<std::size_t> Connection::copy_log() {
  int frames = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
  if (code != SQLITE_OK) return error_of(db_, code);
  return static_cast<std::size_t>(copied);
}

bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(db_) == 0;
}

Result<Transaction> Transaction::begin(Connection& connection, Kind kind) {
  HEAL_TRY(auto query, connection.query(kind == Kind::kRead ? "BEGIN" : "BEGIN IMMEDIATE"));
  HEAL_TRY_STATUS(query.run());
  return Transaction(connection);
}

Transaction::~Transaction() {
  // After SQLITE_FULL or SQLITE_IOERR the transaction may be gone already.
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  if (auto query = connection_->query("ROLLBACK")) (void)query->run();
}

Status Transaction::commit() {
  HEAL_TRY(auto query, connection_->query("COMMIT"));
  return query.run();
}

}  // namespace heal::sqlite
