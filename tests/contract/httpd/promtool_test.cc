// What we expose is what Prometheus' own tool accepts.
#include <limits>

#include <catch2/catch.hpp>

#include "common/telemetry/metrics.h"
#include "tests/contract/httpd/shell.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal {
namespace {

using heal::test::run;
using heal::test::TempFolder;

TEST_CASE("promtool check metrics finds nothing to say about a whole page") {
  httpd::test::TestServer test;
  test.server->get("/metrics", [&](const httpd::HttpRequest&) {
    return httpd::HttpResponse{.status = 200,
                               .content_type = std::string(kExpositionContentType),
                               .body = test.metrics.expose(),
                               .headers = {}};
  });
  const ReloadMetrics reload(test.metrics, "heal_test");
  reload.succeeded(WallTime(1s));
  test.metrics.histogram("heal_test_step_duration_seconds", "Time of a step, in \\ seconds.").observe(0.3);
  const auto odd = test.metrics.gauges("heal_test_odd_ratio", "Odd values.", {{"kind", {}}});
  odd.at({"nan \" \\ \n é \xFF"}).set(std::numeric_limits<double>::quiet_NaN());
  odd.at({"inf"}).set(std::numeric_limits<double>::infinity());
  odd.at({"small"}).set(1.5e-9);
  const auto port = test.start();
  const auto page = httpd::test::RawClient::fetch(port, "GET /metrics").body;
  const auto again = httpd::test::RawClient::fetch(port, "GET /metrics").body;
  REQUIRE(again.find("heal_http_requests_total{code=\"200\",handler=\"/metrics\"} 1\n") != std::string::npos);
  const TempFolder folder;
  const auto checked = run("promtool check metrics < " + folder.write("page", again));
  CAPTURE(again);
  REQUIRE(checked.output.empty());
  REQUIRE(checked.code == 0);
}

TEST_CASE("promtool does find fault with a broken page") {
  const TempFolder folder;
  REQUIRE(run("promtool check metrics < " + folder.write("page", "a{b=\"c} 1\n")).code != 0);
}

}  // namespace
}  // namespace heal
