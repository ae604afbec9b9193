#include "common/system/late_stop.h"

#include <future>
#include <optional>

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("a late stop comes after the other one, and not before") {
  std::stop_source source;
  const LateStop late(source.get_token(), 1ms);
  CHECK_FALSE(late.token().stop_requested());
  std::promise<void> stopped;
  const std::stop_callback on_stop(late.token(), [&] { stopped.set_value(); });
  source.request_stop();
  stopped.get_future().wait();
  CHECK(late.token().stop_requested());
}

TEST_CASE("a late stop that nobody needs any more does not come, and is not waited for") {
  std::stop_source source;
  std::optional<LateStop> late;
  late.emplace(source.get_token(), 1h);
  const std::stop_token token = late->token();
  source.request_stop();
  late.reset();
  CHECK_FALSE(token.stop_requested());
}

TEST_CASE("of a stop that has come already a late one follows, too") {
  std::stop_source source;
  source.request_stop();
  const LateStop late(source.get_token(), 1ms);
  std::promise<void> stopped;
  const std::stop_callback on_stop(late.token(), [&] { stopped.set_value(); });
  stopped.get_future().wait();
}

}  // namespace
}  // namespace heal
