#include <string_view>

#include "common/system/probe/echo_message.h"
#include "tests/fuzz/property.h"

// The first byte chooses the family; what is said about a request must come out of the bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto family = input[0] % 2 == 0 ? heal::IpAddress::Family::kV4 : heal::IpAddress::Family::kV6;
  input.remove_prefix(1);
  if (const auto behind = heal::system::behind_ipv4_header(input)) FUZZ_EXPECT(behind->size() + 20 <= input.size());
  const heal::system::EchoNews news = heal::system::read_echo_news(family, input);
  FUZZ_EXPECT(news.payload.size() <= input.size());
  FUZZ_EXPECT((news.kind == heal::system::EchoNews::Kind::kUndelivered) == news.sent_to.has_value());
  if (news.kind != heal::system::EchoNews::Kind::kReply) return 0;
  // What is sent can be told from what comes back.
  const std::string request = heal::system::echo_request_bytes(family, news.id, news.sequence, news.payload);
  FUZZ_EXPECT(request.size() == input.size());
  FUZZ_EXPECT(heal::system::read_echo_news(family, request).kind == heal::system::EchoNews::Kind::kNothing);
  return 0;
}
