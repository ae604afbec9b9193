#pragma once

#include <map>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/snapshot.h"
#include "common/port/clock.h"
#include "common/remedy/world.h"
#include "common/wire/json.h"

namespace heal::webhook {

/// `{"reachable", "error"}` of what `status` says.
Json reachable_json(const Status& status);

/// Asks what heal.yml names, every kEvery on a thread of its own, whether it answers: whoever wants to know reads the
/// newest answers, and never waits. Thread-safe; the references must outlive it.
class Reachability {
 public:
  static constexpr Duration kEvery = 15s;

  Reachability(Snapshot<remedy::World>& world, Clock& clock);
  Reachability(const Reachability&) = delete;
  Reachability& operator=(const Reachability&) = delete;

  /// Of what is configured now: {engines: [{name, reachable, error, version?, api?}], prometheus: {url, …} | null,
  /// alertmanagers: [{url, …}]}. What was not asked yet has `reachable: null`.
  Json json() HEAL_EXCLUDES(mutex_);

 private:
  void run(std::stop_token stop) HEAL_EXCLUDES(mutex_);
  void ask_all(std::stop_token stop) HEAL_EXCLUDES(mutex_);
  void keep(const std::string& key, Json answer) HEAL_EXCLUDES(mutex_);
  Json known(const std::string& key) HEAL_REQUIRES(mutex_);

  Snapshot<remedy::World>& world_;
  Clock& clock_;
  Mutex mutex_;
  std::map<std::string, Json> answers_ HEAL_GUARDED_BY(mutex_);  // by `engine NAME` and `prometheus|alertmanager URL`
  std::jthread thread_;
};

}  // namespace heal::webhook
