#include "common/sim/sim_dialer.h"

#include <utility>

#include "common/base/host_port.h"
#include "common/sim/wait_in.h"

namespace heal {

void SimDialer::set(const std::string& address, Behaviour behaviour, Duration delay) {
  MutexLock lock(mutex_);
  peers_[address] = Peer{behaviour, delay, {}};
}

void SimDialer::on_exchange(const std::string& address, Answerer answerer) {
  MutexLock lock(mutex_);
  peers_[address] = Peer{Behaviour::kAccepts, {}, std::move(answerer)};
}

std::vector<std::string> SimDialer::dialled() {
  MutexLock lock(mutex_);
  return dialled_;
}

Status SimDialer::connect(const std::string& address, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto parsed, HostPort::parse(address));
  Peer peer;
  {
    MutexLock lock(mutex_);
    dialled_.push_back(address);
    if (const auto it = peers_.find(address); it != peers_.end()) peer = it->second;
  }
  const auto what = "connect to " + parsed.str();
  if (peer.behaviour == Behaviour::kDrops) peer.delay = Duration::max();
  HEAL_TRY_STATUS(wait_in(clock_, peer.delay, deadline, std::move(stop), what));
  if (peer.behaviour == Behaviour::kRefuses) {
    return make_error(ErrorCode::kUnreachable, "{}: connection refused", what);
  }
  return {};
}

Result<std::string> SimDialer::exchange(const std::string& address, const std::string& request, Deadline deadline,
                                        std::stop_token stop) {
  if (!address.starts_with("unix:/")) HEAL_TRY_STATUS(HostPort::parse(address));
  Peer peer;
  {
    MutexLock lock(mutex_);
    dialled_.push_back(address);
    if (const auto it = peers_.find(address); it != peers_.end()) peer = it->second;
  }
  const auto what = "connect to " + address;
  if (peer.behaviour == Behaviour::kDrops) peer.delay = Duration::max();
  HEAL_TRY_STATUS(wait_in(clock_, peer.delay, deadline, std::move(stop), what));
  if (peer.behaviour == Behaviour::kRefuses) return make_error(ErrorCode::kUnreachable, "{}: connection refused", what);
  if (!peer.answerer) return make_error(ErrorCode::kUnavailable, "{}: the connection broke", address);
  return peer.answerer(request);
}

}  // namespace heal
