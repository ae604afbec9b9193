#include "exporter/systemd_watch.h"

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_unit_reader.h"

namespace heal::exporter {
namespace {

class SystemdBench {
 public:
  SystemdBench() {
    auto reader = std::make_unique<SimUnitReader>();
    systemd = reader.get();
    watch.emplace(SystemdWatch::Config{5s, "/bus", {"app.service", "gone.service"}}, std::move(reader), clock,
                  Logger::none());
    systemd->put("app.service", {"loaded", "active", "running", WallTime(1000s), 3, 4711});
  }
  std::string page() {
    ExpositionWriter out;
    state = watch->write(out);
    std::string found;
    std::string_view text = out.text();
    while (!text.empty()) {
      const std::size_t end = text.find('\n') + 1;
      if (text.front() != '#' && text.find("} 0\n") + 4 != end) found += text.substr(0, end);
      text.remove_prefix(end);
    }
    return found;
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  SimUnitReader* systemd = nullptr;
  std::optional<SystemdWatch> watch;
  WatchState state;
};

const std::string kPage =
    "heal_unit_up{unit=\"app.service\"} 1\n"
    "heal_unit_state{unit=\"app.service\",state=\"active\"} 1\n"
    "heal_unit_state{unit=\"gone.service\",state=\"inactive\"} 1\n"
    "heal_unit_info{unit=\"app.service\",load=\"loaded\",sub=\"running\"} 1\n"
    "heal_unit_info{unit=\"gone.service\",load=\"not-found\",sub=\"dead\"} 1\n"
    "heal_unit_restarts_total{unit=\"app.service\"} 3\n"
    "heal_unit_main_pid{unit=\"app.service\"} 4711\n"
    "heal_unit_state_change_timestamp_seconds{unit=\"app.service\"} 1000\n";

TEST_CASE("units are shown with their state, restarts, process and time; one that does not exist is down") {
  SystemdBench bench;
  bench.watch->look({});
  CHECK(bench.page() == kPage);
  CHECK(bench.state.up);
}

TEST_CASE("where there is no systemd the watch says so, shows no unit, and goes on asking") {
  SystemdBench bench;
  bench.systemd->fail(Error(ErrorCode::kUnreachable, "no bus"));
  bench.watch->look({});
  CHECK(bench.page().empty());
  CHECK_FALSE(bench.state.up);
  CHECK(bench.state.reason == "unreachable");
  bench.systemd->fail(std::nullopt);
  bench.watch->look({});
  CHECK(bench.page() == kPage);
}

TEST_CASE("a bus that is away for a moment changes no unit; for long, none is known") {
  SystemdBench bench;
  bench.watch->look({});
  bench.systemd->fail(Error(ErrorCode::kTimeout, "too slow"));
  bench.clock.advance(14s);
  bench.watch->look({});
  CHECK(bench.page() == kPage);
  CHECK(bench.state.reason == "timeout");
  bench.clock.advance(2s);
  bench.watch->look({});
  CHECK(bench.page().empty());
}

}  // namespace
}  // namespace heal::exporter
