#include "common/system/probe/echo_message.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_bytes.h"

namespace heal::system {
namespace {

using test::from_hex;

constexpr auto kV4 = IpAddress::Family::kV4;
constexpr auto kV6 = IpAddress::Family::kV6;

const std::string kIpv4Header = from_hex("45000000 00000000 40010000 7f000001 c0000207");

TEST_CASE("an echo request has its checksum in IPv4 and leaves it to the kernel in IPv6") {
  CHECK(echo_request_bytes(kV4, 0x1234, 7, "abc") == from_hex("08 00 2162 1234 0007 616263"));
  CHECK(echo_request_bytes(kV6, 0x1234, 7, "abc") == from_hex("80 00 0000 1234 0007 616263"));
}

TEST_CASE("a reply gives id, sequence and payload") {
  const std::string bytes = from_hex("00 00 ffff 1234 0007 616263");
  const EchoNews news = read_echo_news(kV4, bytes);
  CHECK(news.kind == EchoNews::Kind::kReply);
  CHECK(news.id == 0x1234);
  CHECK(news.sequence == 7);
  CHECK(news.payload == "abc");
  CHECK(read_echo_news(kV6, bytes).kind == EchoNews::Kind::kNothing);
  CHECK(read_echo_news(kV6, from_hex("81 00 0000 1234 0007")).kind == EchoNews::Kind::kReply);
}

TEST_CASE("an error names the request that it is about and why") {
  const std::string request = echo_request_bytes(kV4, 0x1234, 7, "");
  const auto [head, reason, why] = GENERATE(table<std::string, ProbeReason, std::string>({
      {"03 01 0000 00000000", ProbeReason::kUnreachable, "the destination is unreachable"},
      {"03 04 0000 000005dc", ProbeReason::kTooLarge, "the packet is too large for the way"},
      {"0b 00 0000 00000000", ProbeReason::kUnreachable, "the hop limit was used up"},
  }));
  const std::string bytes = from_hex(head) + kIpv4Header + request;
  const EchoNews news = read_echo_news(kV4, bytes);
  CHECK(news.kind == EchoNews::Kind::kUndelivered);
  CHECK(news.id == 0x1234);
  CHECK(news.sequence == 7);
  CHECK(news.sent_to == IpAddress::parse("192.0.2.7"));
  CHECK(news.reason == reason);
  CHECK(news.why == why);
}

TEST_CASE("an IPv6 error is read too") {
  const std::string inner = from_hex("60000000 0008 3a 40") + std::string(15, '\0') + "\1" + std::string(15, '\0') +
                            "\2" + echo_request_bytes(kV6, 1, 2, "");
  const std::string bytes = from_hex("03 00 0000 00000000") + inner;
  const EchoNews news = read_echo_news(kV6, bytes);
  CHECK(news.kind == EchoNews::Kind::kUndelivered);
  CHECK(news.sent_to == IpAddress::parse("::2"));
  CHECK(news.sequence == 2);
}

TEST_CASE("what is about something else, cut or broken says nothing") {
  const std::string error = from_hex("03 01 0000 00000000") + kIpv4Header + echo_request_bytes(kV4, 1, 2, "");
  REQUIRE(read_echo_news(kV4, error).kind == EchoNews::Kind::kUndelivered);
  for (std::size_t size = 0; size < error.size(); ++size) {
    CHECK(read_echo_news(kV4, std::string_view(error).substr(0, size)).kind == EchoNews::Kind::kNothing);
  }
  CHECK(read_echo_news(kV4, from_hex("00 01 0000 1234 0007")).kind == EchoNews::Kind::kNothing);
  CHECK(read_echo_news(kV4, from_hex("08 00 0000 1234 0007")).kind == EchoNews::Kind::kNothing);
  std::string udp = error;
  udp[8 + 9] = 17;
  CHECK(read_echo_news(kV4, udp).kind == EchoNews::Kind::kNothing);
  std::string reply_inside = error;
  reply_inside[8 + 20] = 0;
  CHECK(read_echo_news(kV4, reply_inside).kind == EchoNews::Kind::kNothing);
}

TEST_CASE("an IPv4 header may be longer than usual, not than the packet") {
  CHECK(behind_ipv4_header(kIpv4Header + "rest") == "rest");
  std::string with_options = kIpv4Header + "optsrest";
  with_options[0] = 0x46;
  CHECK(behind_ipv4_header(with_options) == "rest");
  with_options[0] = 0x4f;
  CHECK(behind_ipv4_header(with_options) == std::nullopt);
  with_options[0] = 0x44;
  CHECK(behind_ipv4_header(with_options) == std::nullopt);
  with_options[0] = 0x65;
  CHECK(behind_ipv4_header(with_options) == std::nullopt);
  CHECK(behind_ipv4_header("") == std::nullopt);
}

}  // namespace
}  // namespace heal::system
