#include "common/system/sqlite_checkpointer.h"

#include <utility>

namespace heal::sqlite {
namespace {

/// Of the log, which is copied when it has so many more. Each has a page.
constexpr std::size_t kFrames = 2000;
/// And when it has so many more, the writer waits.
constexpr std::size_t kMostFrames = 4 * kFrames;
/// What the writer copies in no time.
constexpr std::size_t kFewFrames = 50;
/// A writer as fast as the disk is never caught up with.
constexpr int kMostRounds = 3;

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::start(const std::string& path) {
  HEAL_TRY(auto connection, Connection::open(path, Connection::Mode::kReadWrite));
  // So that a copy is on the disk before SQLite takes the log for done with.
  HEAL_TRY_STATUS(connection->execute("PRAGMA synchronous=FULL"));
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(connection)));
}

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)), due_(kFrames), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  {
    MutexLock lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Checkpointer::after_commit(Connection& writer) {
  const std::size_t frames = writer.log_frames();
  if (frames < seen_) due_ = kFrames;  // it has begun anew
  seen_ = frames;
  if (frames < due_) return;
  MutexLock lock(mutex_);
  while (stage_ == Stage::kCopying && frames >= due_ + kMostFrames)
    changed_.wait(mutex_);
  if (stage_ == Stage::kIdle) {
    stage_ = Stage::kCopying;
    changed_.notify_all();
  } else if (stage_ == Stage::kRestLeft) {
    (void)writer.copy_log();
    due_ = frames + kFrames;
    stage_ = Stage::kIdle;
  }
}

void Checkpointer::run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (stage_ != Stage::kCopying && !is_stopping_)
        changed_.wait(mutex_);
      if (is_stopping_) return;
    }
    copy();
    MutexLock lock(mutex_);
    stage_ = Stage::kRestLeft;
    changed_.notify_all();
  }
}

void Checkpointer::copy() {
  std::size_t before = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    const auto copied = connection_->copy_log();
    if (!copied.has_value() || *copied < before + kFewFrames) return;
    before = *copied;
  }
}

}  // namespace heal::sqlite
