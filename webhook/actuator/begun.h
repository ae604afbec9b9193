#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"

namespace heal::actuator {

/// What was begun through us and may be gone on with: programs that were prepared, and containers that were made to
/// take another one's place. Kept for an hour, a bounded number of each; forgotten at a restart. Thread-safe.
class Begun {
 public:
  explicit Begun(Clock& clock) : clock_(clock) {}

  /// A program prepared in the container of this id and name.
  struct Program {
    std::string container_id, container_name;
    bool is_started = false;
  };
  void add_program(const std::string& exec_id, Program program);
  /// The program, which is then started; nullopt when none was prepared here, or it was started already.
  std::optional<Program> start(const std::string& exec_id);
  std::optional<Program> program(const std::string& exec_id) const;

  /// A container made like another one, and the networks that it has to join.
  void add_clone(const std::string& id, std::vector<std::pair<std::string, std::string>> networks);
  bool is_clone(const std::string& id) const;
  /// The endpoint settings with which the clone `id` joins `network`; nullopt when it does not have to.
  std::optional<std::string> endpoint(const std::string& id, const std::string& network) const;

 private:
  template <typename T>
  struct Kept {
    T what;
    SteadyTime since{};
  };
  using Networks = std::vector<std::pair<std::string, std::string>>;
  template <typename T>
  void make_room(std::map<std::string, Kept<T>>& kept) const HEAL_REQUIRES(mutex_);

  Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::string, Kept<Program>> programs_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, Kept<Networks>> clones_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::actuator
