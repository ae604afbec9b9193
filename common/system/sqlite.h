#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/result.h"
#include "common/base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace heal::sqlite {

/// A prepared statement in use: it is reset, and its bindings are dropped, when this goes away. What is bound must live
/// until then. Not thread-safe.
class Query {
 public:
  explicit Query(sqlite3_stmt* statement) : statement_(statement) {}
  Query(Query&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Binds the parameters from the first one on.
  template <typename... Values>
  Query& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  void bind_one(int index, std::string_view text);
  void bind_one(int index, std::int64_t number);
  void bind_one(int index, std::uint64_t number) { bind_one(index, static_cast<std::int64_t>(number)); }
  void bind_one(int index, WallTime time) { bind_one(index, std::int64_t{time.time_since_epoch().count()}); }
  void bind_one(int index, const std::optional<WallTime>& time);
  void bind_blob(int index, std::string_view bytes);

  /// True when there is a row to read, false at the end.
  Result<bool> step();
  /// For statements that give no rows.
  Status run();

  std::string text(int column) const;
  std::string_view text_view(int column) const;  ///< valid until the next step
  std::int64_t number(int column) const;
  WallTime time(int column) const { return WallTime(Duration(number(column))); }
  std::optional<WallTime> optional_time(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// One connection to a database file, with its prepared statements. Used by one thread at a time.
class Connection {
 public:
  enum class Mode { kReadOnly, kReadWrite, kCreate };
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one or more statements without parameters or rows.
  Status execute(const std::string& sql);
  /// The statement of this text, prepared once per connection. Only one use of it at a time.
  Result<Query> query(std::string_view sql);
  /// The first column of the first row, as a number.
  Result<std::int64_t> number(std::string_view sql);

  /// Rows that the last INSERT, UPDATE or DELETE changed.
  std::size_t changes() const;
  /// Writes the whole database, as it is at this moment, to another new file, without a log beside it.
  Status copy_to(const std::string& path);

  /// Frames in the log (WAL) after the last commit of this connection. From the first call of count_log() on, which
  /// also ends SQLite's own copying of the log within a commit.
  void count_log();
  std::size_t log_frames() const { return log_frames_; }
  /// Copies what the log holds into the database file, as far as no reader needs it as it is. Gives the frames that
  /// are copied by now. kStorage also when another connection is at it.
  Result<std::size_t> copy_log();

  /// True between BEGIN and the end of the transaction. A failed COMMIT may have ended it already.
  bool in_transaction() const;

 private:
  explicit Connection(sqlite3* db) : db_(db) {}

  sqlite3* db_;
  std::size_t log_frames_ = 0;
  std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
};

/// A transaction that is rolled back unless commit() succeeded.
class Transaction {
 public:
  /// kRead sees one state of the database until it ends; kWrite takes the writer's place at once.
  enum class Kind { kRead, kWrite };
  static Result<Transaction> begin(Connection& connection, Kind kind);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Status commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}

  Connection* connection_;
};

}  // namespace heal::sqlite
