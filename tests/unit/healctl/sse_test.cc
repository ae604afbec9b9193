#include "healctl/service/sse.h"

#include <catch2/catch.hpp>

namespace heal::ctl {
namespace {

using Events = std::vector<ServerEvent>;

TEST_CASE("events are read whatever the line ends and wherever the stream is cut") {
  const std::string stream = "id: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n: heartbeat\n\nevent: x\rdata:y\r\rdata\n\n";
  const Events expected{{"7", "message", "{\"a\":\n1}"}, {"7", "x", "y"}, {"7", "message", ""}};
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    CAPTURE(size);
    SseParser parser;
    Events events;
    for (std::size_t start = 0; start < stream.size(); start += size) {
      const auto found = parser.feed(std::string_view(stream).substr(start, size));
      REQUIRE(found);
      events.insert(events.end(), found->begin(), found->end());
    }
    CHECK(events == expected);
  }
}

TEST_CASE("an event without an end is refused before it eats the memory") {
  SseParser parser;
  const std::string piece(1 << 19, 'x');
  REQUIRE(parser.feed("data: " + piece));
  const auto refused = parser.feed(piece);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kTooLarge);
}

TEST_CASE("an event that the stream did not complete is not one") {
  SseParser parser;
  CHECK(parser.feed("data: half\n") == Events{});
}

}  // namespace
}  // namespace heal::ctl
