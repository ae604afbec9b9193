#include "webhook/actuator/begun.h"

#include <algorithm>

namespace heal::actuator {
namespace {

constexpr std::size_t kMostKept = 1000;
constexpr Duration kKeptFor = 1h;

}  // namespace

template <typename T>
void Begun::make_room(std::map<std::string, Kept<T>>& kept) const {
  const SteadyTime now = clock_.steady_now();
  std::erase_if(kept, [&](const auto& entry) { return now - entry.second.since > kKeptFor; });
  if (kept.size() < kMostKept) return;
  kept.erase(std::min_element(kept.begin(), kept.end(),
                              [](const auto& a, const auto& b) { return a.second.since < b.second.since; }));
}

void Begun::add_program(const std::string& exec_id, Program program) {
  MutexLock lock(mutex_);
  make_room(programs_);
  programs_[exec_id] = {std::move(program), clock_.steady_now()};
}

std::optional<Begun::Program> Begun::start(const std::string& exec_id) {
  MutexLock lock(mutex_);
  const auto found = programs_.find(exec_id);
  if (found == programs_.end() || std::exchange(found->second.what.is_started, true)) return std::nullopt;
  return found->second.what;
}

std::optional<Begun::Program> Begun::program(const std::string& exec_id) const {
  MutexLock lock(mutex_);
  const auto found = programs_.find(exec_id);
  return found == programs_.end() ? std::nullopt : std::optional(found->second.what);
}

void Begun::add_clone(const std::string& id, Networks networks) {
  MutexLock lock(mutex_);
  make_room(clones_);
  clones_[id] = {std::move(networks), clock_.steady_now()};
}

bool Begun::is_clone(const std::string& id) const {
  MutexLock lock(mutex_);
  return clones_.count(id) != 0;
}

std::optional<std::string> Begun::endpoint(const std::string& id, const std::string& network) const {
  MutexLock lock(mutex_);
  const auto found = clones_.find(id);
  if (found == clones_.end()) return std::nullopt;
  for (const auto& [name, endpoint] : found->second.what) {
    if (name == network) return endpoint;
  }
  return std::nullopt;
}

}  // namespace heal::actuator
