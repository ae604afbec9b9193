#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/dialer.h"

namespace heal {

/// A network in which only what was told listens. Thread-safe.
class SimDialer : public Dialer {
 public:
  /// What happens to a connection: accepted, refused at once, or never answered.
  enum class Behaviour { kAccepts, kRefuses, kDrops };

  explicit SimDialer(Clock& clock) : clock_(clock) {}

  /// How `address` behaves from now on; all others refuse.
  void set(const std::string& address, Behaviour behaviour, Duration delay = {});
  /// Who answers exchanges with `address`, called without a lock held; such an address accepts connections.
  using Answerer = std::function<Result<std::string>(const std::string& request)>;
  void on_exchange(const std::string& address, Answerer answerer);
  /// All addresses that were dialled, in order.
  std::vector<std::string> dialled();

  Status connect(const std::string& address, Deadline deadline, std::stop_token stop) override;
  Result<std::string> exchange(const std::string& address, const std::string& request, Deadline deadline,
                               std::stop_token stop) override;

 private:
  struct Peer {
    Behaviour behaviour = Behaviour::kRefuses;
    Duration delay{};
    Answerer answerer{};
  };

  Clock& clock_;

  Mutex mutex_;
  std::map<std::string, Peer> peers_ HEAL_GUARDED_BY(mutex_);
  std::vector<std::string> dialled_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
