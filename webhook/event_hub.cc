#include "webhook/event_hub.h"

#include <iterator>
#include <utility>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal::webhook {
namespace {

constexpr std::size_t kEventPage = 200;

}  // namespace

EventHub::EventHub(Store& store) : store_(store) {
  thread_ = std::thread([this] { run(); });
}

EventHub::~EventHub() {
  stop();
}

void EventHub::notify() {
  {
    MutexLock lock(mutex_);
    has_news_ = true;
  }
  changed_.notify_one();
}

void EventHub::follow(httpd::Responder responder, std::optional<std::uint64_t> after) {
  // "From now on" is settled here, so that nothing is missed that happens after the caller was told so.
  if (!after) after = newest();
  {
    httpd::StreamWriter writer = responder.open_stream();
    MutexLock lock(mutex_);
    joining_.push_back({std::move(writer), after});
    has_news_ = true;
  }
  changed_.notify_one();
}

void EventHub::stop() {
  {
    MutexLock lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EventHub::run() {
  std::vector<Follower> followers;
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!has_news_ && !is_stopping_)
        changed_.wait(mutex_);
      if (is_stopping_) break;
      has_news_ = false;
      followers.insert(followers.end(), std::make_move_iterator(joining_.begin()),
                       std::make_move_iterator(joining_.end()));
      joining_.clear();
    }
    std::erase_if(followers, [this](Follower& follower) { return !serve(follower); });
  }
  for (auto& follower : followers)
    follower.writer.close();
}

bool EventHub::serve(Follower& follower) {
  for (;;) {
    if (!follower.writer.is_open()) return false;
    auto entries = store_.entries_after(*follower.after, kEventPage);
    if (!entries.has_value()) return true;  // the next commit asks again
    for (const TimelineEntry& entry : *entries) {
      if (!follower.writer.event("entry", dump(to_json(entry)), std::to_string(entry.sequence))) return false;
      follower.after = entry.sequence;
    }
    if (entries->size() < kEventPage) return true;
  }
}

/// The store has no question for its newest entry; sequences have no gaps, so halving finds it.
std::uint64_t EventHub::newest() {
  const auto has_after = [this](std::uint64_t sequence) {
    auto entries = store_.entries_after(sequence, 1);
    return entries.has_value() && !entries->empty();
  };
  std::uint64_t high = 1;
  while (has_after(high))
    high *= 2;
  std::uint64_t low = high / 2;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (has_after(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return has_after(0) ? low : 0;
}

}  // namespace heal::webhook
