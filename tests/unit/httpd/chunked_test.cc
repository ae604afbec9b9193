#include "common/httpd/chunked.h"

#include <catch2/catch.hpp>

namespace heal::httpd {
namespace {

using State = ChunkedDecoder::State;

constexpr std::string_view kTwoChunks = "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";

TEST_CASE("chunks are joined, extensions and trailers dropped, what follows is left") {
  ChunkedDecoder decoder(100);
  const std::string text = std::string(kTwoChunks) + "GET /";
  std::string_view input = text;
  std::string body;
  REQUIRE(decoder.feed(input, body) == State::kDone);
  REQUIRE(body == "hello world");
  REQUIRE(input == "GET /");
}

TEST_CASE("chunks may come byte by byte") {
  ChunkedDecoder decoder(100);
  std::string body;
  auto state = State::kMore;
  for (const char& c : kTwoChunks) {
    REQUIRE(state == State::kMore);
    std::string_view input(&c, 1);
    state = decoder.feed(input, body);
  }
  REQUIRE(state == State::kDone);
  REQUIRE(body == "hello world");
}

TEST_CASE("a body over the cap is refused before it is stored") {
  ChunkedDecoder decoder(10);
  std::string body;
  std::string_view input = "ffffffffff\r\nx";
  REQUIRE(decoder.feed(input, body) == State::kTooLarge);
  REQUIRE(body.empty());
  ChunkedDecoder sum(10);
  std::string_view two = "6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n";
  REQUIRE(sum.feed(two, body) == State::kTooLarge);
}

TEST_CASE("malformed chunks are refused") {
  const auto text = GENERATE(
      std::string("x\r\n"), std::string("\r\n"), std::string("-1\r\n"), std::string("0x5\r\nhello\r\n"),
      std::string("5\nhello\r\n"), std::string("5\r\nhelloX\r\n"), std::string("1\r\na\nb"),
      std::string("10000000000000000\r\n"), std::string("5;" + std::string(2000, 'x')), "0\r\n" + [] {
        std::string trailers;
        for (int i = 0; i < 2000; ++i)
          trailers += "a: b\r\n";
        return trailers;
      }());
  CAPTURE(text.substr(0, 30));
  ChunkedDecoder decoder(1 << 20);
  std::string body;
  std::string_view input = text;
  REQUIRE(decoder.feed(input, body) == State::kMalformed);
  std::string_view more = "0\r\n\r\n";
  REQUIRE(decoder.feed(more, body) == State::kMalformed);
}

}  // namespace
}  // namespace heal::httpd
