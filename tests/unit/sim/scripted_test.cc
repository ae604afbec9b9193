#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/sequence_random.h"

namespace heal {
namespace {

TEST_CASE("scripted answers are used in order, the last one stays, and the longest match wins") {
  FakeClock clock(FakeClock::Sleeping::kAdvances);
  ScriptedHttpClient client(clock);
  client.on("GET", "http://a/*", HttpAnswer::of(404));
  client.on("GET", "http://a/b*", HttpAnswer::of(500));
  client.on("GET", "http://a/b*", HttpAnswer::of(200, "", 3s));
  const auto status = [&](const std::string& url) {
    const auto response = client.send({"GET", url, {}, "", {}, {}}, clock.deadline_in(10s), {});
    return response ? response->status : 0;
  };
  const SteadyTime start = clock.steady_now();
  CHECK(status("http://a/x") == 404);
  CHECK(status("http://a/bc") == 500);
  CHECK(clock.steady_now() == start);
  CHECK(status("http://a/bc") == 200);
  CHECK(status("http://a/b") == 200);
  CHECK(clock.steady_now() == start + 6s);
  CHECK(status("http://other/") == 0);
  client.on("*", "http://a/*",
            [](const HttpClientRequest& request) { return HttpAnswer::of(request.method == "POST" ? 201 : 405); });
  CHECK(client.send({"POST", "http://a/z", {}, "", {}, {}}, clock.deadline_in(1s), {})->status == 201);
  CHECK(client.requests().size() == 6);
}

TEST_CASE("known numbers come over and over") {
  SequenceRandom random({7, 8});
  CHECK(random.next() == 7);
  CHECK(random.next() == 8);
  CHECK(random.next() == 7);
}

}  // namespace
}  // namespace heal
