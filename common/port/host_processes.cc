#include "common/port/host_processes.h"

#include <fmt/format.h>

#include "common/port/fault_holder.h"

namespace heal {

ContainerSpec kill_helper_spec(const std::string& image, const std::string& container_id, std::int64_t pid,
                               const std::vector<std::string>& program) {
  constexpr std::size_t kShortId = 12;
  ContainerSpec spec;
  spec.name = fmt::format("{}{}-{}", kHelperPrefix, container_id.substr(0, kShortId), pid);
  spec.image = image;
  spec.entrypoint = program;
  spec.command = {"--pid", std::to_string(pid), "--container", container_id};
  spec.labels = {{"heal.role", std::string(kHelperRole)}};
  spec.pid_mode = "host";
  spec.cap_add = {"KILL"};
  spec.user = "0";
  // Its exit code and its words are wanted.
  spec.auto_remove = false;
  return spec;
}

}  // namespace heal
