#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace heal::remedy {

/// What Ansible's callback plugin `json` says of a run.
struct AnsibleReport {
  std::vector<std::string> notes;  ///< a line per task and host, in order: `task, host: changed`
  std::int64_t ok = 0, changed = 0, failed = 0, skipped = 0, unreachable = 0;
  std::string first_failure;  ///< the note of the first task that failed or could not be done
  bool has_hosts = false;     ///< some host was in some play

  bool operator==(const AnsibleReport&) const = default;
};

/// Reads it from what ansible-playbook wrote to stdout; other programs' words before it are skipped. kProtocol.
Result<AnsibleReport> parse_ansible_report(std::string_view output);

}  // namespace heal::remedy
