#include "common/httpd/head.h"

#include <catch2/catch.hpp>

namespace heal::httpd {
namespace {

std::variant<Head, Rejection> parse(std::string_view text) {
  const HeadLimits limits;
  std::size_t scanned = 0;
  auto found = find_head(text, limits, scanned);
  if (auto* rejection = std::get_if<Rejection>(&found)) return *rejection;
  const auto size = std::get<std::size_t>(found);
  return size == 0 ? Rejection{0, "incomplete"} : parse_head(text.substr(0, size), limits);
}

TEST_CASE("a head is read with its framing") {
  const auto parsed = parse(
      "POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nExpect: 100-Continue\r\nX-Y:  \t z \r\n"
      "Connection: Keep-Alive, Close\r\n\r\nrest");
  REQUIRE(std::get<Head>(parsed) == Head{.method = "POST",
                                         .target = "/a?b=c",
                                         .minor_version = 1,
                                         .headers = {{"Host", "x"},
                                                     {"Content-Length", "12"},
                                                     {"Expect", "100-Continue"},
                                                     {"X-Y", "z"},
                                                     {"Connection", "Keep-Alive, Close"}},
                                         .content_length = 12,
                                         .is_chunked = false,
                                         .expects_continue = true,
                                         .wants_close = true});
}

TEST_CASE("HTTP/1.0 closes unless asked to stay, and needs no Host") {
  REQUIRE(std::get<Head>(parse("GET / HTTP/1.0\r\n\r\n")).wants_close);
  REQUIRE_FALSE(std::get<Head>(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).wants_close);
}

TEST_CASE("the absolute form and one empty line before the request are taken") {
  REQUIRE(std::get<Head>(parse("\r\nGET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n")).target == "/p?q");
  REQUIRE(std::get<Head>(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n")).target == "/");
}

TEST_CASE("what is not a clean request is refused with the reason") {
  struct Case {
    std::string text;
    int status;
    std::string message;
  };
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n";
  const std::string many = [] {
    std::string text;
    for (int i = 0; i < 101; ++i)
      text += "A: b\r\n";
    return text;
  }();
  const auto c = GENERATE_COPY(values<Case>({
      {"\x16\x03\x01", 400, "this is not an HTTP request"},
      {"\r\n\r\nGET", 400, "this is not an HTTP request"},
      {"GET\r\n", 400, "malformed request line"},
      {"GET / \r\n", 400, "malformed request line"},
      {"GET  / HTTP/1.1\r\n", 400, "malformed request line"},
      {"GET /a b HTTP/1.1\r\n", 400, "malformed request line"},
      {"GET /\x80 HTTP/1.1\r\n", 400, "malformed request line"},
      {"GET /\t HTTP/1.1\r\n", 400, "malformed request line"},
      {"G{T / HTTP/1.1\r\n", 400, "malformed request line"},
      {"GET / http/1.1\r\n", 400, "malformed request line"},
      {"GET / HTTP/2.0\r\n", 505, "only HTTP/1.1 and HTTP/1.0 are spoken here"},
      {"PRI * HTTP/2.0\r\n", 400, "the request target must be a path"},
      {"GET *x HTTP/1.1\r\n", 400, "the request target must be a path"},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", 414, "the request target is too long"},
      {std::string(17'000, 'G'), 414, "the request line is too long"},
      {"GET / HTTP/1.1\n", 400, "lines must end in CR LF"},
      {get + "A: b\nC: d\r\n\r\n", 400, "lines must end in CR LF"},
      {get + "A: b\rC: d\r\n\r\n", 400, "control character in a header"},
      {get + "A: \x01\r\n\r\n", 400, "control character in a header"},
      {get + " folded: b\r\n\r\n", 400, "folded header lines are not accepted"},
      {get + "A : b\r\n\r\n", 400, "malformed header"},
      {get + ": b\r\n\r\n", 400, "malformed header"},
      {get + "nothing\r\n\r\n", 400, "malformed header"},
      {get + "A: " + std::string(8100, 'a') + "\r\n\r\n", 431, "a header line is too long"},
      {get + std::string(17'000, 'a'), 431, "the request head is too large"},
      {get + many + "\r\n", 431, "too many headers"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host header is required"},
      {get + "Host: y\r\n\r\n", 400, "exactly one Host header is required"},
      {get + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "more than one Content-Length"},
      {get + "Content-Length: 1, 1\r\n\r\n", 400, "Content-Length must be a number"},
      {get + "Content-Length: +1\r\n\r\n", 400, "Content-Length must be a number"},
      {get + "Content-Length: \r\n\r\n", 400, "Content-Length must be a number"},
      {get + "Content-Length: 9999999999999999999\r\n\r\n", 400, "Content-Length must be a number"},
      {get + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400,
       "both Content-Length and Transfer-Encoding"},
      {get + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "the only transfer coding understood is chunked"},
      {get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
       "more than one Transfer-Encoding"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "Transfer-Encoding in HTTP/1.0"},
      {get + "Expect: magic\r\n\r\n", 417, "unknown expectation"},
  }));
  CAPTURE(c.text.substr(0, 60));
  const auto parsed = parse(c.text);
  REQUIRE(std::holds_alternative<Rejection>(parsed));
  REQUIRE(std::get<Rejection>(parsed) == Rejection{c.status, c.message});
}

TEST_CASE("a wrong start is refused although a piece of an empty line came first") {
  std::size_t scanned = 0;
  REQUIRE(std::get<std::size_t>(find_head("\r", {}, scanned)) == 0);
  REQUIRE(std::get<Rejection>(find_head("\rcontent", {}, scanned)) == Rejection{400, "this is not an HTTP request"});
}

TEST_CASE("a head that comes byte by byte is found where it ends, and not before") {
  const std::string text = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next";
  const auto whole = text.find("GET /next");
  std::size_t scanned = 0;
  for (std::size_t size = 1; size <= text.size(); ++size) {
    CAPTURE(size);
    const auto found = find_head(std::string_view(text).substr(0, size), {}, scanned);
    REQUIRE(std::holds_alternative<std::size_t>(found));
    if (size < whole) REQUIRE(std::get<std::size_t>(found) == 0);
    if (size == whole) {
      REQUIRE(std::get<std::size_t>(found) == whole);
      break;
    }
  }
}

TEST_CASE("a body that comes together with the head may end its lines as it likes") {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  std::size_t scanned = 0;
  CHECK(std::get<std::size_t>(find_head(head + "{\n}", {}, scanned)) == head.size());
}

}  // namespace
}  // namespace heal::httpd
