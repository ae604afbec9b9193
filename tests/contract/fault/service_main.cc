// The part of heal-webhook that keeps leases, as a program that can be killed.
// usage: fault_service LEDGER IMAGE [CONTAINER KIND TTL]. Says each change of a lease, `ID STATE`.

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>

#include "common/fault/lease_keeper.h"
#include "common/system/docker_engine.h"
#include "common/system/host_processes.h"
#include "common/system/sqlite_store.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"

namespace heal::fault {
namespace {

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int serve(int argc, char** argv) {
  auto store = SqliteStore::open(argv[1]);
  if (!store) return say(store.error().str()), 1;
  SystemClock clock;
  SystemRandom random;
  SystemHostProcesses processes({});
  const auto engine = std::make_shared<DockerEngine>(DockerEndpoint{});
  LeaseOptions options;
  options.on_change = [](const FaultLease& lease) { say(lease.id + " " + std::string(to_string(lease.state))); };
  auto keeper = LeaseKeeper::open({**store,
                                   clock,
                                   random,
                                   processes,
                                   [&](const std::string& name) { return name == "local" ? engine : nullptr; },
                                   {argv[2], {"/holder"}},
                                   {},
                                   [] { return std::vector<std::string>{"local"}; }},
                                  options);
  if (!keeper) return say(keeper.error().str()), 1;
  const std::jthread loop([&](std::stop_token stop) { (*keeper)->run(stop); });
  if (argc > 5) {
    const auto lease =
        (*keeper)->inject({argv[4], {"container", "local", argv[3]}, parse_duration(argv[5]).value(), "test"}, {});
    say(lease ? "done " + lease->id : "failed " + lease.error().str());
  }
  for (;;)
    ::pause();
}

}  // namespace
}  // namespace heal::fault

int main(int argc, char** argv) {
  return argc < 3 ? 2 : heal::fault::serve(argc, argv);
}
