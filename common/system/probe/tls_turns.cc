#include "common/system/probe/tls_turns.h"

#include <utility>

namespace heal::system {

TlsTurns::Turn::Turn(TlsTurns& turns, EventLoop::Id id, std::function<void()> granted)
    : turns_(turns), id_(id), granted_(std::move(granted)), asked_(turns.loop_.now()) {}

TlsTurn TlsTurns::Turn::state() const {
  return {!had_.has_value(), had_.value_or(turns_.loop_.now()) - asked_};
}

std::unique_ptr<TlsTurns::Turn> TlsTurns::take(std::function<void()> granted) {
  auto turn = std::make_unique<Turn>(*this, next_id_++, std::move(granted));
  waiting_.emplace(turn->id_, turn.get());
  if (in_flight_.size() < limits_.at_once) begin(*turn);
  publish();
  return turn;
}

void TlsTurns::begin(Turn& turn) {
  const EventLoop::Id id = turn.id_;
  waiting_.erase(id);
  const EventLoop::Id timer = loop_.call_at(loop_.now() + limits_.patience, [this, id] {
    in_flight_.erase(id);
    slow_.insert(id);
    if (!waiting_.empty()) begin(*waiting_.begin()->second);
    publish();
  });
  in_flight_.emplace(id, timer);
  // Posted: who gives a turn back may stand in the middle of something.
  loop_.post([this, id, &turn] {
    if (!in_flight_.contains(id) && !slow_.contains(id)) return;
    turn.had_ = loop_.now();
    const std::function<void()> granted = turn.granted_;  // which may destroy the turn
    granted();
  });
}

void TlsTurns::give_back(EventLoop::Id id) {
  waiting_.erase(id);
  slow_.erase(id);
  if (const auto it = in_flight_.find(id); it != in_flight_.end()) {
    loop_.cancel(it->second);
    in_flight_.erase(it);
    if (!waiting_.empty()) begin(*waiting_.begin()->second);
  }
  publish();
}

void TlsTurns::publish() {
  waiting_count_ = waiting_.size();
  in_flight_count_ = in_flight_.size();
  slow_count_ = slow_.size();
}

TlsHandshakes TlsTurns::counts() const {
  return {in_flight_count_, slow_count_, waiting_count_};
}

}  // namespace heal::system
