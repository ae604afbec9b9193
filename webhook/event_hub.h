#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/httpd/responder.h"
#include "common/port/store.h"

namespace heal::webhook {

/// Sends new entries of the journal to everyone who follows it, as server-sent events: `id` is the sequence, `data` the
/// entry as JSON. One thread reads the store for all. Thread-safe.
class EventHub {
 public:
  explicit EventHub(Store& store);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  /// Something was committed.
  void notify() HEAL_EXCLUDES(mutex_);
  /// Follows from the entry after `after`, or from now on.
  void follow(httpd::Responder responder, std::optional<std::uint64_t> after) HEAL_EXCLUDES(mutex_);
  void stop() HEAL_EXCLUDES(mutex_);

 private:
  struct Follower {
    httpd::StreamWriter writer;
    std::optional<std::uint64_t> after;
  };
  void run() HEAL_EXCLUDES(mutex_);
  /// False when the follower is gone.
  bool serve(Follower& follower);
  std::uint64_t newest();

  Store& store_;
  Mutex mutex_;
  CondVar changed_;
  bool is_stopping_ HEAL_GUARDED_BY(mutex_) = false;
  bool has_news_ HEAL_GUARDED_BY(mutex_) = false;
  std::vector<Follower> joining_ HEAL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace heal::webhook
