#pragma once

#include <cstddef>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "common/base/mutex.h"

namespace heal::remedy {

/// The coordinator's queue: many senders, one receiver that takes what is there in batches. Thread-safe.
template <typename Message>
class Inbox {
 public:
  /// `limit` holds for try_push() alone.
  explicit Inbox(std::size_t limit) : limit_(limit) {}

  /// For what comes from outside: false when the inbox is full or closed; `message` is untouched then.
  bool try_push(Message&& message) HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (is_closed_ || messages_.size() >= limit_) return false;
    messages_.push_back(std::move(message));
    arrived_.notify_one();
    return true;
  }
  /// For what our own threads send: false only when closed.
  bool push(Message&& message) HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (is_closed_) return false;
    messages_.push_back(std::move(message));
    arrived_.notify_one();
    return true;
  }
  /// Waits for messages and takes them, oldest first, until their weights (Message::weight, else 1 each)
  /// make `most`. Empty: closed,
  /// and nothing is left.
  std::vector<Message> take(std::size_t most) HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (messages_.empty() && !is_closed_)
      arrived_.wait(mutex_);
    std::vector<Message> out;
    for (std::size_t weight = 0; !messages_.empty() && weight < most;) {
      weight += weight_of(messages_.front());
      out.push_back(std::move(messages_.front()));
      messages_.pop_front();
    }
    return out;
  }
  void close() HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    is_closed_ = true;
    arrived_.notify_all();
  }
  std::size_t size() const HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return messages_.size();
  }

 private:
  static std::size_t weight_of(const Message& message) {
    if constexpr (requires { message.weight; }) {
      return message.weight;
    } else {
      return 1;
    }
  }

  const std::size_t limit_;
  mutable Mutex mutex_;
  CondVar arrived_;
  std::deque<Message> messages_ HEAL_GUARDED_BY(mutex_);
  bool is_closed_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace heal::remedy
