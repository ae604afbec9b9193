#include "common/telemetry/metrics.h"

#include <csignal>
#include <cstdio>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace heal {
namespace {

// The page without what depends on the process and the build.
std::string stable_page(Metrics& metrics) {
  std::string page = metrics.expose();
  std::string kept;
  std::size_t start = 0;
  while (start < page.size()) {
    const auto end = page.find('\n', start) + 1;
    const std::string line = page.substr(start, end - start);
    if (line.find("process_") == std::string::npos && line.find("_build_info") == std::string::npos) kept += line;
    start = end;
  }
  return kept;
}

// True when `bug` ends a child process by abort().
template <typename Bug>
bool aborts(Bug bug) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(3);
    bug();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST_CASE("every combination of closed label values exists at zero") {
  Metrics metrics("heal_test");
  metrics.counters("a_total", "As.", {{"kind", {"x", "y"}}, {"reason", {"p", "q"}}});
  REQUIRE(stable_page(metrics) ==
          "# HELP a_total As.\n"
          "# TYPE a_total counter\n"
          "a_total{kind=\"x\",reason=\"p\"} 0\n"
          "a_total{kind=\"x\",reason=\"q\"} 0\n"
          "a_total{kind=\"y\",reason=\"p\"} 0\n"
          "a_total{kind=\"y\",reason=\"q\"} 0\n");
}

TEST_CASE("handles of the same member share one value") {
  Metrics metrics("heal_test");
  const auto family = metrics.counters("a_total", "As.", {{"module", {}}});
  REQUIRE(stable_page(metrics).empty());
  const auto one = family.at({"http"});
  const auto two = metrics.counters("a_total", "As.", {{"module", {}}}).at({"http"});
  one.increment();
  two.increment(2.5);
  one.increment(-1);
  REQUIRE(one.value() == 3.5);
  const auto gauge = metrics.gauge("g_bytes", "G.");
  gauge.set(7);
  gauge.add(-2);
  REQUIRE(gauge.value() == 5);
}

TEST_CASE("a histogram exposes cumulative buckets, sum and count") {
  Metrics metrics("heal_test");
  const auto histogram = metrics.histogram("t_seconds", "T.", {0.5, 1});
  histogram.observe(0.25);
  histogram.observe(750ms);
  histogram.observe(4.0);
  REQUIRE(stable_page(metrics) ==
          "# HELP t_seconds T.\n"
          "# TYPE t_seconds histogram\n"
          "t_seconds_bucket{le=\"0.5\"} 1\n"
          "t_seconds_bucket{le=\"1\"} 2\n"
          "t_seconds_bucket{le=\"+Inf\"} 3\n"
          "t_seconds_sum 5\n"
          "t_seconds_count 3\n");
}

TEST_CASE("a default-constructed handle does nothing") {
  Counter().increment();
  Gauge().set(1);
  Histogram().observe(1.0);
  CounterFamily().at({"x"}).increment();
  REQUIRE(Counter().value() == 0);
}

TEST_CASE("a family stops growing at its cap") {
  Metrics metrics("heal_test");
  const auto family = metrics.counters("a_total", "As.", {{"module", {}}});
  for (int i = 0; i < 10'000; ++i)
    family.at({std::to_string(i)}).increment();
  const auto beyond = family.at({"one more"});
  beyond.increment();
  REQUIRE(beyond.value() == 0);
  REQUIRE(family.at({"9999"}).value() == 1);
}

TEST_CASE("a name registered twice with different meanings is a bug that is not overlooked") {
  REQUIRE(aborts([] {
    Metrics metrics("heal_test");
    metrics.counter("a_total", "As.");
    metrics.gauge("a_total", "As.");
  }));
  REQUIRE(aborts([] { Metrics("heal_test").counter("a_total", "Two\nlines."); }));
  REQUIRE(aborts([] { Metrics("heal_test").counter("a-total", "A."); }));
  REQUIRE_FALSE(aborts([] { Metrics("heal_test").counter("a_total", "A."); }));
}

TEST_CASE("collectors write after the registered metrics") {
  Metrics metrics("heal_test");
  metrics.add_collector([](ExpositionWriter& writer) { writer.gauge("c", "C.", 2); });
  metrics.counter("a_total", "As.");
  REQUIRE(stable_page(metrics) ==
          "# HELP a_total As.\n# TYPE a_total counter\na_total 0\n# HELP c C.\n# TYPE c gauge\nc 2\n");
}

TEST_CASE("the reload gauges say how the last attempt went and when one last worked") {
  Metrics metrics("heal_test");
  const ReloadMetrics reload(metrics, "heal_test");
  reload.succeeded(WallTime(1500ms));
  reload.failed();
  REQUIRE(stable_page(metrics) ==
          "# HELP heal_test_config_last_reload_success_timestamp_seconds When the configuration was last loaded "
          "successfully, in seconds since the epoch.\n"
          "# TYPE heal_test_config_last_reload_success_timestamp_seconds gauge\n"
          "heal_test_config_last_reload_success_timestamp_seconds 1.5\n"
          "# HELP heal_test_config_last_reload_successful Whether the last attempt to load the configuration "
          "succeeded.\n"
          "# TYPE heal_test_config_last_reload_successful gauge\n"
          "heal_test_config_last_reload_successful 0\n");
}

TEST_CASE("the standard process metrics and the build are there") {
  Metrics metrics("heal_test");
  const std::string page = metrics.expose();
  for (const auto* name : {"process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ",
                           "process_max_fds ", "process_start_time_seconds ", "heal_test_build_info{version=\""}) {
    CAPTURE(name);
    REQUIRE(page.find(std::string("\n") + name) != std::string::npos);
  }
}

TEST_CASE("counting and exposing may happen at once") {
  Metrics metrics("heal_test");
  const auto family = metrics.counters("a_total", "As.", {{"module", {}}});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i)
          family.at({std::to_string(i % 7)}).increment();
      });
    }
    for (int i = 0; i < 20; ++i)
      (void)metrics.expose();
  }
  double sum = 0;
  for (int i = 0; i < 7; ++i)
    sum += family.at({std::to_string(i)}).value();
  REQUIRE(sum == 600);
}

}  // namespace
}  // namespace heal
