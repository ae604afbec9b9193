// heal-webhook with a store that kills it: crash-webhook CONFIG STORAGE [before|after N]. Prints its port when it
// serves, and stops when its standard input ends.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

#include "common/sim/failing_store.h"
#include "common/system/sqlite_store.h"
#include "webhook/app.h"

namespace {

using heal::FailingStore;

int run(int argc, char** argv) {
  const bool is_mortal = argc == 5;
  const auto when =
      is_mortal && std::string_view(argv[3]) == "before" ? FailingStore::When::kBefore : FailingStore::When::kAfter;
  const std::uint64_t commit = is_mortal ? std::strtoull(argv[4], nullptr, 10) : 0;

  heal::webhook::Ports ports = heal::webhook::system_ports();
  ports.open_store = [&](const std::string& folder) -> heal::Result<std::shared_ptr<heal::Store>> {
    HEAL_TRY(auto disk, heal::SqliteStore::open(folder));
    auto store = std::make_shared<FailingStore>(std::shared_ptr<heal::Store>(std::move(disk)));
    store->on_commit(commit, when, [] { ::kill(::getpid(), SIGKILL); });
    return std::shared_ptr<heal::Store>(store);
  };
  heal::webhook::AppOptions options;
  options.config_file = argv[1];
  options.storage_path = argv[2];
  options.listen = {"127.0.0.1:0"};
  auto app = heal::webhook::App::create(options, std::move(ports), heal::Logger(heal::LoggerOptions{}));
  if (!app) {
    std::fprintf(stderr, "%s\n", app.error().str().c_str());
    return 1;
  }
  if (const auto started = (*app)->start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().str().c_str());
    return 1;
  }
  std::printf("%d\n", int{(*app)->port()});
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  (*app)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 5) {
    std::fprintf(stderr, "usage: crash-webhook CONFIG STORAGE [before|after N]\n");
    return 2;
  }
  return run(argc, argv);
}
