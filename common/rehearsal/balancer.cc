#include "common/rehearsal/balancer.h"

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::rehearsal {
namespace {

/// srv_admin_state as HAProxy's management guide has it.
int admin_state(std::string_view state) {
  constexpr int kForcedMaint = 0x01, kForcedDrain = 0x08;
  return state == "maint" ? kForcedMaint : state == "drain" ? kForcedDrain : 0;
}

}  // namespace

Balancer::Balancer(const std::vector<std::string>& servers) {
  MutexLock lock(mutex_);
  for (const std::string& server : servers)
    servers_[server] = {};
}

std::string Balancer::answer(std::string_view request) {
  const auto words = split(trim(request), ' ');
  MutexLock lock(mutex_);
  if (words.size() == 4 && words[0] == "show") return show(words[3]);
  if (words.size() != 5 || words[0] != "set") return "Unknown command.\n";
  const auto found = servers_.find(words[2]);
  if (found == servers_.end()) return "No such server.\n";
  if (words[3] == "state") found->second.state = words[4];
  if (words[3] == "weight") found->second.weight = parse_int(words[4]).value_or(found->second.weight);
  return "\n";
}

std::string Balancer::show(std::string_view backend) {
  std::string lines;
  for (const auto& [name, server] : servers_) {
    const auto slash = name.find('/');
    if (slash == std::string::npos || name.substr(0, slash) != backend) continue;
    lines += fmt::format("1 {} 1 {} 127.0.0.1 2 {} {}\n", backend, name.substr(slash + 1), admin_state(server.state),
                         server.weight);
  }
  if (lines.empty()) return "Can't find backend.\n";
  return "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n" + lines;
}

}  // namespace heal::rehearsal
