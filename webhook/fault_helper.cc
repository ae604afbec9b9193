#include "webhook/fault_helper.h"

#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/text.h"
#include "common/cli/service.h"
#include "webhook/ports.h"

namespace heal::webhook {
namespace {

constexpr std::string_view kUsage =
    "usage: heal-webhook fault-helper kill --pid N --container ID\n"
    "       heal-webhook fault-helper hold|probe|sweep KIND --lease ID --container ID --pid N --for TIME "
    "[NAME=VALUE]\n";

int usage() {
  std::fputs(kUsage.data(), stderr);
  return cli::kExitUsage;
}

/// Whoever waits for it reads its words as they come.
void say_line(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int run_fault_helper(int argc, const char* const* argv) {
  if (argc < 3) return usage();
  const std::string_view task = argv[2];
  if (task == "hold" || task == "probe" || task == "sweep") return hold_fault({argv + 2, argv + argc}, say_line);
  if (task != "kill") return usage();
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
