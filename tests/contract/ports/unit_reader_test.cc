#include <filesystem>
#include <fstream>
#include <memory>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/sim/sim_unit_reader.h"
#include "common/system/bus_units.h"
#include "common/system/system_clock.h"
#include "heal_test_paths.h"
#include "tests/contract/ports/daemon.h"
#include "tests/support/code_of.h"

namespace heal {
namespace {

using test::code_of;

/// A systemd that knows app.service, which has failed.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual UnitReader& reader() = 0;
  virtual void start_app() = 0;

  Deadline soon() { return clock_.deadline_in(20s); }

 protected:
  SystemClock clock_;
};

class OnSim : public Fixture {
 public:
  OnSim() { reader_.put("app.service", {"loaded", "failed", "dead", WallTime(1'700'000'000s), 3, 0}); }
  UnitReader& reader() override { return reader_; }
  void start_app() override {
    reader_.put("app.service", {"loaded", "active", "running", WallTime(1'700'000'000s), 3, 4711});
  }

 private:
  SimUnitReader reader_;
};

/// A D-Bus daemon with a systemd on it that is a script.
class OnBus : public Fixture {
 public:
  OnBus() {
    std::ofstream(bus_.folder() / "bus.conf") << fmt::format(
        "<busconfig><type>system</type><listen>{}</listen><auth>EXTERNAL</auth><policy context=\"default\">"
        "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow "
        "own=\"*\"/></policy></busconfig>",
        address());
    bus_.start({"/usr/bin/dbus-daemon", "--config-file=bus.conf", "--nofork", "--nopidfile"});
    await("bus");
  }
  void start_systemd() {
    systemd_.start({"/usr/bin/python3", HEAL_SOURCE_DIR "/tests/contract/step/fake_systemd.py", address(),
                    bus_.folder().string()});
    await("ready");
  }
  UnitReader& reader() override { return reader_; }
  std::string socket() const { return (bus_.folder() / "bus").string(); }
  void start_app() override {
    PosixProcessRunner processes;
    ProcessSpec spec;
    spec.argv = {"/usr/bin/dbus-send",
                 "--bus=" + address(),
                 "--print-reply",
                 "--dest=org.freedesktop.systemd1",
                 "/org/freedesktop/systemd1",
                 "org.freedesktop.systemd1.Manager.StartUnit",
                 "string:app.service",
                 "string:replace"};
    const auto outcome = processes.run(spec, soon(), {});
    REQUIRE(outcome.has_value());
    REQUIRE(outcome->ok());
  }
  /// systemd says nothing from now on.
  void silence() { std::ofstream(bus_.folder() / "silent") << "x"; }
  void speak() { std::filesystem::remove(bus_.folder() / "silent"); }

 private:
  std::string address() const { return "unix:path=" + socket(); }
  void await(const std::string& file) {
    const Deadline deadline = clock_.deadline_in(40s);
    while (!std::filesystem::exists(bus_.folder() / file)) {
      if (clock_.steady_now() > deadline) FAIL("it does not start: " << systemd_.stop() << bus_.stop());
      clock_.sleep_for(20ms, {});
    }
  }

  test::Daemon bus_, systemd_;
  BusUnits reader_{socket()};
};

std::unique_ptr<Fixture> fixture() {
  if (!GENERATE(false, true)) return std::make_unique<OnSim>();
  auto bus = std::make_unique<OnBus>();
  bus->start_systemd();
  return bus;
}

TEST_CASE("units are told with their states, and one that is not known is not found and inactive") {
  const auto systemd = fixture();
  const std::vector<std::string> names{"app.service", "other.service", "app@.service"};
  const auto failed = systemd->reader().units(names, systemd->soon(), {}).value();
  REQUIRE(failed.size() == 3);
  CHECK(failed[0] == SeenUnit{"loaded", "failed", "dead", WallTime(1'700'000'000s), 3, 0});
  CHECK(failed[1] == SeenUnit{"not-found", "inactive", "dead", {}, {}, 0});
  CHECK(failed[2] == failed[1]);
  systemd->start_app();
  const auto active = systemd->reader().units(names, systemd->soon(), {}).value();
  CHECK(active.at(0) == SeenUnit{"loaded", "active", "running", WallTime(1'700'000'000s), 3, 4711});
}

TEST_CASE("whoever has left gets no answer") {
  const auto systemd = fixture();
  std::stop_source stop;
  stop.request_stop();
  CHECK(code_of(systemd->reader().units({"app.service"}, systemd->soon(), stop.get_token())) == "cancelled");
}

TEST_CASE("no bus, and a bus without systemd, are said to be out of reach") {
  SystemClock clock;
  CHECK(code_of(BusUnits("/nonexistent/bus").units({"a.service"}, clock.deadline_in(20s), {})) == "unreachable");
  OnBus bus;
  CHECK(code_of(bus.reader().units({"a.service"}, bus.soon(), {})) == "unreachable");
}

TEST_CASE("a systemd that says nothing is given up at the deadline") {
  OnBus bus;
  bus.start_systemd();
  bus.silence();
  SystemClock clock;
  CHECK(code_of(bus.reader().units({"app.service"}, clock.deadline_in(300ms), {})) == "timeout");
  bus.speak();
}

}  // namespace
}  // namespace heal
