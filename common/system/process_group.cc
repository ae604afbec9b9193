#include "common/system/process_group.h"

#include <algorithm>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "common/system/process_table.h"

namespace heal {
namespace {

constexpr Duration kLookAgain = 2ms;

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
  for (const ProcessEntry& entry : table) {
    const bool orphan = entry.parent == self && entry.pid != leader_;
    if (entry.group == leader_ || (orphan && !entry.ended() && started_with(entry.pid, mark_))) roots.insert(entry.pid);
  }
  const auto members = with_descendants(std::move(roots), table);
  Members found;
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

bool ProcessGroup::wipe_out(Duration patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const Members members = find_members();
    for (const pid_t pid : members.to_reap)
      waitpid(pid, nullptr, WNOHANG);
    if (members.living.empty()) return true;
    for (const pid_t pid : members.living)
      kill(pid, SIGKILL);
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace heal
