// What becomes of a fault when the process that keeps its lease is killed, with its ledger and without.

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/system/sqlite_store.h"
#include "heal_test_paths.h"
#include "tests/contract/fault/docker_tools.h"
#include "tests/support/temp_folder.h"

namespace heal::fault {
namespace {

using test::BareVictim;
using State = FaultLease::State;

/// The keeper of leases as a process of its own; killed at the end.
class Service {
 public:
  explicit Service(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HEAL_BIN_DIR "/fault_service");
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    std::vector<char*> argv;
    for (std::string& each : arguments)
      argv.push_back(each.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    said_ = ::fdopen(ends[0], "r");
  }
  ~Service() {
    kill();
    std::fclose(said_);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The rest of the next line that has `word` in it; "" when it ends before.
  std::string wait_for(const std::string& word) {
    char line[512] = "";
    while (std::fgets(line, sizeof line, said_) != nullptr) {
      const std::string text = line;
      if (text.starts_with("failed")) return "";
      if (const auto at = text.find(word); at != std::string::npos) return text.substr(at + word.size());
    }
    return "";
  }
  /// As `kill -9`.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  FILE* said_ = nullptr;
};

TEST_CASE("a fault outlives neither the service that was killed nor its ledger") {
  test::need_engine();
  const auto kind = GENERATE(as<std::string>(), "pause", "cpu");
  const auto keeps_ledger = GENERATE(true, false);
  CAPTURE(kind, keeps_ledger);
  const heal::test::TempFolder folder;
  const std::string ledger = (folder.path() / "ledger").string();
  const test::NamedNetwork network;
  BareVictim victim({"--network", network.name});
  const auto is_broken = [&] {
    if (kind == "pause") return victim.look().status == "paused";
    return victim.engine->stats(victim.name(), victim.soon(), {}).value().pids > 1;
  };
  Service first({ledger, test::bare_image(), victim.name(), kind, "5s"});
  const std::string lease = std::string(trim(first.wait_for("done ")));
  REQUIRE(lease != "");
  CHECK(is_broken());
  first.kill();
  if (!keeps_ledger) std::filesystem::remove_all(ledger);

  Service second({ledger, test::bare_image()});
  CHECK(second.wait_for(lease + " reverted") == "\n");
  CHECK_FALSE(is_broken());
  CHECK(victim.look().running());
  const auto holder = victim.engine->inspect("heal-fault-helper-" + lease, victim.soon(), {});
  REQUIRE_FALSE(holder);
  CHECK(holder.error().code() == ErrorCode::kNotFound);
  second.kill();
  const auto store = SqliteStore::open(ledger).value();
  const auto leases = store->leases().value();
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].id == lease);
  CHECK(leases[0].state == State::kReverted);
}

}  // namespace
}  // namespace heal::fault
