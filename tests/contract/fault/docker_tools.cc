#include "tests/contract/fault/docker_tools.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/scoped_fd.h"
#include "common/base/text.h"
#include "heal_test_paths.h"

namespace heal::fault::test {
namespace {

namespace fs = std::filesystem;

const std::string kProgram = HEAL_BIN_DIR "/fault_holder";

ProcessOutcome run(std::vector<std::string> argv) {
  SystemClock clock;
  PosixProcessRunner runner;
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  return runner.run(spec, clock.deadline_in(120s), {}).value();
}

/// The program and the files that the loader wants for it, as they lie on this machine.
std::vector<fs::path> files_of_program() {
  std::vector<fs::path> files;
  std::istringstream lines(run({"/usr/bin/ldd", kProgram}).output);
  for (std::string line; std::getline(lines, line);) {
    const auto slash = line.find('/');
    if (slash != std::string::npos) files.emplace_back(line.substr(slash, line.find(' ', slash) - slash));
  }
  return files;
}

/// A folder that becomes the image.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "heal-bare-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

/// Removed when the program ends.
struct Image {
  Image() {
    const Folder folder;
    fs::copy_file(kProgram, folder.path / "holder");
    // As promheal's own image has it.
    fs::create_directories(folder.path / "usr/bin");
    fs::create_symlink("/holder", folder.path / "usr/bin/heal-webhook");
    for (const fs::path& file : files_of_program()) {
      const fs::path to = folder.path / file.relative_path();
      fs::create_directories(to.parent_path());
      fs::copy_file(file, to, fs::copy_options::overwrite_existing);
    }
    fs::create_directories(folder.path / "data");
    REQUIRE(run({"/usr/bin/strip", "-g", (folder.path / "holder").string()}).ok());
    const std::string archive = folder.path.string() + ".tar";
    REQUIRE(run({"/bin/tar", "-C", folder.path.string(), "-cf", archive, "."}).ok());
    const auto made = docker({"import", archive, name});
    fs::remove(archive);
    CAPTURE(made.errors);
    REQUIRE(made.ok());
  }
  ~Image() { (void)docker({"rmi", "-f", name}); }

  // A repository of its own: the keepers of another test take over what the same one's image holds.
  const std::string name = "heal-contract-bare-" + std::to_string(::getpid()) + ":local";
};

}  // namespace

void need_engine() {
  SystemClock clock;
  DockerEngine engine{DockerEndpoint{}};
  const auto version = engine.version(clock.deadline_in(10s), {});
  INFO((version ? "" : version.error().str()));
  REQUIRE(version.has_value());
}

ProcessOutcome docker(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "/usr/bin/docker");
  return run(std::move(arguments));
}

const std::string& bare_image() {
  static const Image kImage;
  return kImage.name;
}

HolderProgram holder_program() {
  return {bare_image(), {"/holder"}};
}

BareVictim::BareVictim(const std::vector<std::string>& options, const std::string& suffix)
    : name_("heal-bare-" + std::to_string(::getpid()) + suffix) {
  std::vector<std::string> command{
      "run",          "-d", "--name", name_, "--label", "heal.simulate=allow", "--memory", "96m",
      "--pids-limit", "40", "--cpus", "0.5", "--tmpfs", "/data:size=16m"};
  command.insert(command.end(), options.begin(), options.end());
  // A holder that holds nothing: a program that waits, in an image that has no other.
  const std::vector<std::string> waits{bare_image(), "/holder", "hold",        "mark",
                                       "--lease",    "none",    "--container", std::string(64, '0'),
                                       "--pid",      "2",       "--for",       "3600000ms"};
  command.insert(command.end(), waits.begin(), waits.end());
  const auto made = docker(command);
  if (!made.ok()) (void)engine->remove(name_, soon(), {});
  CAPTURE(made.errors);
  REQUIRE(made.ok());
}

BareVictim::~BareVictim() {
  (void)engine->remove(name_, soon(), {});
  std::vector<std::string> helpers;
  const auto list = engine->list(soon(), {});
  if (!list) return;
  for (const ContainerInfo& each : *list) {
    const std::string_view lease = label_value(each.labels, kLeaseLabel);
    const bool is_holder = lease.find(name_) != std::string_view::npos;
    const bool is_helper = lease.empty() && label_value(each.labels, "heal.role") == kHelperRole;
    if (!is_holder && (!is_helper || each.image != bare_image())) continue;
    if (is_helper) helpers.push_back(fmt::format("{} ({}, exit {})", each.name, each.status, each.exit_code));
    (void)engine->remove(each.id, soon(), {});
  }
  // Those that try or sweep and end: nobody would ever take them away.
  CHECK(helpers == std::vector<std::string>());
}

std::string BareVictim::address() {
  return word_of("IPAddress");
}

std::string BareVictim::gateway() {
  return word_of("Gateway");
}

std::string BareVictim::word_of(const std::string& member) const {
  const auto shown = docker({"inspect", "-f", "{{range .NetworkSettings.Networks}}{{." + member + "}}{{end}}", name_});
  return std::string(trim(shown.output));
}

LeaseTools BareVictim::tools(Store& ledger) {
  return {ledger,
          clock,
          random,
          processes,
          [this](const std::string& name) { return name == "local" ? engine : nullptr; },
          holder_program(),
          {},
          [] { return std::vector<std::string>{"local"}; }};
}

bool BareVictim::comes(const std::function<bool()>& holds) {
  const Deadline deadline = soon();
  while (!holds()) {
    if (clock.steady_now() > deadline) return false;
    clock.sleep_for(20ms, {});
  }
  return true;
}

NamedNetwork::NamedNetwork() : name("heal-bare-" + std::to_string(::getpid())) {
  REQUIRE(docker({"network", "create", name}).ok());
}

NamedNetwork::~NamedNetwork() {
  (void)docker({"network", "rm", name});
}

void in_network_of(std::int64_t pid, const std::function<void()>& work) {
  std::string failed;
  std::thread([&] {
    const ScopedFd space(::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!space || ::setns(space.get(), CLONE_NEWNET) != 0) {
      failed = errno_error(errno, "enter the network").str();
      return;
    }
    work();
  }).join();
  REQUIRE(failed == "");
}

}  // namespace heal::fault::test
