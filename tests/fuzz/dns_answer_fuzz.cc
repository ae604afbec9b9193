#include <string_view>

#include "common/wire/dns_message.h"
#include "tests/fuzz/property.h"

namespace {

void expect_texts(const std::vector<heal::DnsRecord>& section) {
  for (const auto& record : section) {
    FUZZ_EXPECT(!record.text.empty());
    FUZZ_EXPECT(record.text.size() <= 1'000'000);
  }
}

}  // namespace

// Whatever a name server sends is read or refused; what is read has counts that its bytes can hold, and text to match.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto answer = heal::parse_dns_answer(input);
  if (!answer.has_value()) {
    FUZZ_EXPECT(!answer.error().message().empty());
    return 0;
  }
  FUZZ_EXPECT(heal::dns_message_id(input) == answer->id);
  const std::size_t records = answer->answer.size() + answer->authority.size() + answer->additional.size();
  // A record has eleven bytes at least.
  FUZZ_EXPECT(records * 11 + answer->questions.size() * 5 + 12 <= size);
  for (const auto* section : {&answer->answer, &answer->authority, &answer->additional})
    expect_texts(*section);
  return 0;
}
