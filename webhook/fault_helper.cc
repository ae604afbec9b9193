#include "webhook/fault_helper.h"

#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/text.h"
#include "common/cli/service.h"
#include "webhook/ports.h"

namespace heal::webhook {
namespace {

constexpr std::string_view kUsage = "usage: heal-webhook fault-helper kill --pid N --container ID\n";

int usage() {
  std::fputs(kUsage.data(), stderr);
  return cli::kExitUsage;
}

}  // namespace

int run_fault_helper(int argc, const char* const* argv) {
  if (argc < 3 || std::string_view(argv[2]) != "kill") return usage();
  std::int64_t pid = 0;
  std::string container;
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--pid") {
      pid = parse_int(argv[i + 1]).value_or(0);
    } else if (name == "--container") {
      container = argv[i + 1];
    } else {
      return usage();
    }
  }
  if (argc != 7 || pid <= 1 || container.empty()) return usage();
  const Status status = kill_process_of_container(pid, container);
  if (status.has_value()) return cli::kExitOk;
  std::fprintf(stderr, "heal-webhook: %s\n", status.error().str().c_str());
  return cli::kExitFailed;
}

}  // namespace heal::webhook
