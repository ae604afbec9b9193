#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "heal_test_paths.h"
#include "tests/contract/ports/daemon.h"
#include "tests/contract/step/real_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// Lets systemctl believe that this machine runs systemd, and shows it a D-Bus daemon of ours: in a mount namespace of
/// its own, so that nothing else sees that.
class OnOtherBus : public ProcessRunner {
 public:
  explicit OnOtherBus(std::string address) : address_(std::move(address)) {}

  Result<ProcessOutcome> run(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) override {
    ProcessSpec wrapped = spec;
    wrapped.argv = {"/usr/bin/unshare",
                    "-m",
                    "/bin/sh",
                    "-c",
                    "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec \"$@\"",
                    "sh"};
    wrapped.argv.insert(wrapped.argv.end(), spec.argv.begin(), spec.argv.end());
    wrapped.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address_;
    wrapped.environment["SYSTEMCTL_FORCE_BUS"] = "1";
    return processes_.run(wrapped, deadline, std::move(stop));
  }

 private:
  const std::string address_;
  PosixProcessRunner processes_;
};

/// A D-Bus daemon, and a systemd on it that knows app.service.
struct SystemdRig : RealRig {
  SystemdRig() : RealRig(kInventory) {
    aim("unit/app.service");
    const auto folder = bus.folder().string();
    std::ofstream(bus.folder() / "bus.conf") << fmt::format(
        "<busconfig><type>system</type><listen>{}</listen><auth>EXTERNAL</auth><policy context=\"default\">"
        "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow "
        "own=\"*\"/></policy></busconfig>",
        address());
    bus.start({"/usr/bin/dbus-daemon", "--config-file=bus.conf", "--nofork", "--nopidfile"});
    await(bus.folder() / "bus");
    systemd.start({"/usr/bin/python3", HEAL_SOURCE_DIR "/tests/contract/step/fake_systemd.py", address(), folder});
    await(bus.folder() / "ready");
  }
  std::string address() const { return "unix:path=" + (bus.folder() / "bus").string(); }
  void await(const std::filesystem::path& file) {
    const Deadline deadline = clock.deadline_in(40s);
    while (!std::filesystem::exists(file)) {
      if (clock.steady_now() > deadline) FAIL("it does not start: " << systemd.stop() << bus.stop());
      clock.sleep_for(20ms, {});
    }
  }
  ActionResult run(const std::string& action) {
    return other.run("systemd.unit: {action: " + action + "}, undo: inverse");
  }
  static inline const std::string kInventory = "inventory: {targets: [{target: unit/app.service}]}\n";

  Daemon bus, systemd;
  OnOtherBus on_bus{address()};
  remedy::Tools on_bus_tools{clock, random, http, dialer, on_bus, &mailer, &host};
  StepBench other{on_bus_tools, kInventory};
};

void aim_at(StepBench& bench, const std::string& id) {
  bench.set_target({TargetId::parse(id).value(), "", {}, std::nullopt, playbook::Simulate::kRefuse});
}

TEST_CASE("systemctl starts, restarts, stops and forgives a unit over D-Bus, and the undo puts it back") {
  SystemdRig rig;
  aim_at(rig.other, "unit/app.service");
  CHECK(rig.run("reset-failed").message == "unit app.service is inactive (dead)");
  const auto started = rig.run("start");
  CHECK(started.message == "unit app.service is active (running)");
  CHECK(started.outputs.at("changed") == "true");
  CHECK(rig.other.probe().probed == Probed::kHappened);
  REQUIRE(rig.other.undo().message == "unit app.service is inactive (dead)");
  CHECK(rig.run("start").kind == Kind::kDone);
  CHECK(rig.run("start").outputs.at("changed") == "false");
  CHECK(rig.run("restart").kind == Kind::kDone);
  CHECK(rig.other.probe().probed == Probed::kHappened);
  CHECK(rig.run("stop").kind == Kind::kDone);
  REQUIRE(rig.other.undo().message == "unit app.service is active (running)");
}

TEST_CASE("a unit that does not start, or is not there, fails the step with systemd's words") {
  SystemdRig rig;
  aim_at(rig.other, "unit/app.service");
  std::ofstream(rig.bus.folder() / "broken") << "x";
  const auto failed = rig.run("restart");
  CHECK(failed.kind == Kind::kFailed);
  CHECK(rig.other.probe().probed == Probed::kDidNotHappen);
  aim_at(rig.other, "unit/other.service");
  CHECK(rig.run("start").message == "systemd knows no unit other.service");
}

TEST_CASE("where there is no systemd the step says so") {
  RealRig rig("inventory: {targets: [{target: unit/app.service}]}\n");
  rig.aim("unit/app.service");
  const auto failed = rig.bench.run("systemd.unit: {action: start}");
  CHECK(failed.reason == "not begun");
  // On a machine with systemd it is the unit that is missing.
  const bool has_one = std::filesystem::exists("/run/systemd/system");
  CHECK(failed.message.find(has_one ? "knows no unit" : "there is no systemd in reach") == 0);
}

}  // namespace
}  // namespace heal::test
