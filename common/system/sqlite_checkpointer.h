#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/system/sqlite.h"

namespace heal::sqlite {

/// Copies the log of a database (`-wal`) into the database file on a thread and a connection of its own, so that no
/// commit waits for it. The writer copies only what was written meanwhile: SQLite begins the log anew when all of it is
/// copied, which under load no other thread can reach. Where the disk is slower than the writer, the writer waits, so
/// that the log stays below 100 MiB unless a reader keeps an old state. A copy that fails loses nothing and is tried
/// again with later commits.
class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> start(const std::string& path);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// After each commit of `writer`, on its thread.
  void after_commit(Connection& writer);

 private:
  explicit Checkpointer(std::unique_ptr<Connection> connection);

  void run();
  void copy();

  enum class Stage {
    kIdle,
    kCopying,
    kRestLeft,  ///< what came meanwhile is the writer's to copy
  };

  const std::unique_ptr<Connection> connection_;  // the thread's
  std::size_t seen_ = 0;                          // of the writer's thread, as is due_
  std::size_t due_;
  Mutex mutex_;
  CondVar changed_;
  Stage stage_ HEAL_GUARDED_BY(mutex_) = Stage::kIdle;
  bool is_stopping_ HEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace heal::sqlite
