#include "common/system/process_group.h"

#include <algorithm>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "common/base/text.h"
#include "common/system/process_table.h"

namespace heal {
namespace {

constexpr Duration kLookAgain = 2ms;
constexpr Duration kExecPatience =
    200ms;  // an exec takes microseconds; one that cleared its environment never shows any

enum class Marked { kNo, kYes, kUnknown };

Marked is_marked(pid_t pid, const std::string& mark) {
  const std::string environment = initial_environment(pid);
  if (environment.empty()) return Marked::kUnknown;
  const auto variables = split(environment, '\0');
  return std::ranges::find(variables, mark) != variables.end() ? Marked::kYes : Marked::kNo;
}

/// `roots` and all their descendants.
std::set<pid_t> with_descendants(std::set<pid_t> roots, const std::vector<ProcessEntry>& table) {
  for (bool grew = true; grew;) {
    grew = false;
    for (const ProcessEntry& entry : table)
      if (roots.contains(entry.parent)) grew = roots.insert(entry.pid).second || grew;
  }
  return roots;
}

}  // namespace

ProcessGroup::Members ProcessGroup::find_members() const {
  const pid_t self = getpid();
  const pid_t own_session = getsid(0);
  const auto table = read_process_table();
  std::set<pid_t> roots{leader_};
  Members found;
  for (const ProcessEntry& entry : table) {
    const bool is_grouped = entry.group == leader_;
    if (is_grouped) roots.insert(entry.pid);
    if (is_grouped || entry.parent != self || entry.pid == leader_ || entry.ended()) continue;
    const Marked marked = is_marked(entry.pid, mark_);
    if (marked == Marked::kYes) roots.insert(entry.pid);
    if (marked == Marked::kUnknown) found.is_certain = false;
  }
  const auto members = with_descendants(std::move(roots), table);
  for (const ProcessEntry& entry : table) {
    const bool member = members.contains(entry.pid);
    if (member && !entry.ended()) found.living.push_back(entry.pid);
    // An orphan that has ended shows no mark any more; only orphans are children of ours in sessions of their own.
    const bool ended_orphan = entry.ended() && entry.parent == self && entry.pid != leader_;
    if (ended_orphan && (member || entry.session != own_session)) found.to_reap.push_back(entry.pid);
  }
  return found;
}

void ProcessGroup::signal_all(int signal) const {
  kill(-leader_, signal);
  for (const pid_t pid : find_members().living)
    if (getpgid(pid) != leader_) kill(pid, signal);
}

std::size_t ProcessGroup::wipe_out(Duration patience) const {
  std::set<pid_t> killed;
  const auto begun = std::chrono::steady_clock::now();
  for (;;) {
    const Members members = find_members();
    for (const pid_t pid : members.to_reap)
      waitpid(pid, nullptr, WNOHANG);
    const auto spent = std::chrono::steady_clock::now() - begun;
    if (members.living.empty() && (members.is_certain || spent >= kExecPatience)) return killed.size();
    for (const pid_t pid : members.living) {
      kill(pid, SIGKILL);
      killed.insert(pid);
    }
    if (spent >= patience) return killed.size();
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace heal
