#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "common/port/probe_io.h"
#include "common/system/probe/event_loop.h"
#include "common/system/probe_io.h"

namespace heal::system {

/// Lets so many TLS handshakes run at once on one loop, in the order of asking: each costs the loop's thread half a
/// millisecond, and all that are begun together are measured as long as all of them take. One whose server keeps it
/// waiting for longer than `patience` costs nothing meanwhile and gives its place to the next, so that servers that
/// hang keep nobody from probing others. Loop thread only, but for counts().
class TlsTurns {
 public:
  TlsTurns(EventLoop& loop, TlsLimits limits) : loop_(loop), limits_(limits) {}
  TlsTurns(const TlsTurns&) = delete;
  TlsTurns& operator=(const TlsTurns&) = delete;

  /// One handshake's turn, waited for or had. Destroying it gives it back and silences its callback.
  class Turn {
   public:
    Turn(TlsTurns& turns, EventLoop::Id id, std::function<void()> granted);
    ~Turn() { turns_.give_back(id_); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    TlsTurn state() const;

   private:
    friend class TlsTurns;
    TlsTurns& turns_;
    const EventLoop::Id id_;
    const std::function<void()> granted_;
    const SteadyTime asked_;
    std::optional<SteadyTime> had_;
  };
  /// `granted` runs when it is its turn, never inside this call. This must outlive the turn.
  std::unique_ptr<Turn> take(std::function<void()> granted);

  /// From anywhere.
  TlsHandshakes counts() const;

 private:
  void begin(Turn& turn);
  void give_back(EventLoop::Id id);
  void publish();

  EventLoop& loop_;
  const TlsLimits limits_;
  EventLoop::Id next_id_ = 1;
  std::map<EventLoop::Id, Turn*> waiting_;                      // the oldest first
  std::unordered_map<EventLoop::Id, EventLoop::Id> in_flight_;  // with the timer of their patience
  std::unordered_set<EventLoop::Id> slow_;
  std::atomic<std::size_t> waiting_count_{0}, in_flight_count_{0}, slow_count_{0};
};

}  // namespace heal::system
