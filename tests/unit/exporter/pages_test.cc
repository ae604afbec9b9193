#include "exporter/pages.h"

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"

namespace heal::exporter {
namespace {

ProbeResult outcome(bool success, const std::string& message = "") {
  ProbeResult result;
  result.success = success;
  result.duration = 12ms;
  if (success) return result;
  result.phase = "connect";
  result.reason = "refused";
  result.message = message;
  return result;
}

std::shared_ptr<ProbeSeries> target(const std::string& name, const Labels& labels = {}) {
  ScheduledProbe probe;
  probe.name = "p";
  probe.labels = labels;
  auto module = std::make_shared<probe::Module>();
  module->name = "m";
  probe.module = module;
  return std::make_shared<ProbeSeries>(probe, name);
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class PagesBench {
 public:
  std::string page() { return start_page(view, history, failures).body; }

  FakeClock clock;
  History history{10}, failures{10};
  StatusView view{clock.now(), {}, {}, std::nullopt};
};

TEST_CASE("the page needs no script and nothing from elsewhere, and lets nothing of that in") {
  PagesBench bench;
  bench.view.series = {target("a:1")};
  const httpd::HttpResponse page = start_page(bench.view, bench.history, bench.failures);
  CHECK(page.headers.at(0) ==
        std::pair<std::string, std::string>(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"));
  for (const char* forbidden :
       {"<script", "http://", "https://", "@import", "url(", " style=", "<style", " onclick="}) {
    CAPTURE(forbidden);
    CHECK_FALSE(holds(page.body, forbidden));
    CHECK_FALSE(holds(style_sheet().body, forbidden));
  }
}

TEST_CASE("those in trouble come first, with why they failed, since when, and a link to the log") {
  PagesBench bench;
  bench.view.series = {target("good:1"), target("shaky:1"), target("dead:1"), target("new:1")};
  const auto record = [&](std::size_t index, const ProbeResult& result, int times) {
    for (int i = 0; i < times; ++i)
      bench.view.series[index]->record(result, bench.clock.now(), {3, 2});
  };
  record(0, outcome(true), 3);
  record(1, outcome(true), 1);
  record(1, outcome(false, "one moment"), 1);
  record(2, outcome(false, "connection refused"), 3);
  bench.view.series[2]->set_failure_log(
      bench.failures.add(std::make_shared<probe::Module>(), "dead:1", outcome(false)));
  bench.view.now += 90s;
  const std::string page = bench.page();
  const auto place = [&](const char* name) { return page.find(std::string(">") + name); };
  CHECK(place("dead:1") < place("shaky:1"));
  CHECK(place("shaky:1") < place("new:1"));
  CHECK(place("new:1") < place("good:1"));
  CHECK(holds(page,
              "<span class=\"down\">refused</span> in connect after 12ms <a href=\"logs?run=0\">log</a>"
              "<span class=\"sub\">connection refused</span>"));
  CHECK(holds(page, "ok in 12ms"));
  CHECK(holds(page, "1m30s ago"));
  CHECK_FALSE(holds(page, "Alerts firing"));
  bench.view.alerts = 1;
  CHECK(holds(bench.page(), "Alerts firing"));
}

TEST_CASE("whatever targets, labels, messages and searches hold stays text") {
  PagesBench bench;
  const std::string evil = "\"><script>alert(1)</script>'&\xff";
  bench.view.series = {target(evil, {{"note", evil}})};
  bench.view.series[0]->record(outcome(false, evil), bench.clock.now(), {1, 1});
  bench.view.wish.search = evil.substr(0, 10);
  bench.history.add(std::make_shared<probe::Module>(), evil, outcome(false, evil));
  const std::string page = bench.page();
  CHECK_FALSE(holds(page, "<script"));
  CHECK(holds(page, "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;\uFFFD"));
}

TEST_CASE("many targets are shown page by page, and can be searched by state and by part of a label") {
  PagesBench bench;
  for (int i = 0; i < 250; ++i) {
    bench.view.series.push_back(target(fmt::format("host{:03}:1", i), {{"env", i < 5 ? "Prod" : "test"}}));
    bench.view.series.back()->record(outcome(i != 7), bench.clock.now(), {1, 1});
  }
  CHECK(holds(bench.page(), "1 to 100 of 250"));
  CHECK(holds(bench.page(), "href=\"?q=&amp;state=&amp;page=2\""));
  bench.view.wish.page = 99;
  CHECK(holds(bench.page(), "201 to 250 of 250"));
  bench.view.wish = {"prod", "", 1};
  CHECK(holds(bench.page(), "<h2>Targets <span class=\"count\">5</span></h2>"));
  bench.view.wish = {"", "down", 1};
  CHECK(holds(bench.page(), "<h2>Targets <span class=\"count\">1</span></h2>"));
  bench.view.wish = {"nothing", "", 1};
  CHECK(holds(bench.page(), "No target is like this."));
}

TEST_CASE("what a reader asks for is read, and what means nothing is left out") {
  httpd::HttpRequest request;
  request.query = {{"q", "web"}, {"state", "down"}, {"page", "3"}};
  CHECK(page_wish(request).search == "web");
  CHECK(page_wish(request).state == "down");
  CHECK(page_wish(request).page == 3);
  request.query = {{"state", "<b>"}, {"page", "-3"}};
  CHECK(page_wish(request).state.empty());
  CHECK(page_wish(request).page == 1);
}

TEST_CASE("a sparkline has one bar for each run, the newest at the right, failures in full") {
  CHECK(sparkline({{true, 0.01F}, {false, 5.0F}, {true, 2.5F}}) ==
        "<svg viewBox=\"0 0 144 24\" role=\"img\" aria-label=\"3 runs, 1 failed, the longest 5.00s\">"
        "<title>3 runs, 1 failed, the longest 5.00s</title><path class=\"ground\" d=\"M0 24h144\"/>"
        "<path class=\"ran\" d=\"M135 24v-2h2v2zM141 24v-10h2v10z\"/>"
        "<path class=\"failed\" d=\"M138 24v-24h2v24z\"/></svg>");
  CHECK(sparkline({}).find("0 runs, 0 failed") != std::string::npos);
}

TEST_CASE("the last runs of a series are kept, oldest first") {
  const auto series = target("a:1");
  for (std::size_t i = 0; i < kRecentRuns + 5; ++i) {
    ProbeResult result = outcome(true);
    result.duration = std::chrono::seconds(i);
    series->record(result, {}, {});
  }
  const std::vector<RecentRun> runs = series->recent();
  REQUIRE(runs.size() == kRecentRuns);
  CHECK(runs.front().seconds == 5.0F);
  CHECK(runs.back().seconds == static_cast<float>(kRecentRuns + 4));
}

}  // namespace
}  // namespace heal::exporter
