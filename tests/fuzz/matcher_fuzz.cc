#include <string_view>

#include "common/model/matcher.h"
#include "tests/fuzz/property.h"

// A matcher that is taken means the same after being written and read, and asking it never ends badly.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = heal::Matcher::parse_list(text);
  if (!list) return 0;
  heal::Labels labels;
  for (const auto& matcher : *list) {
    const auto again = heal::Matcher::parse(matcher.str());
    FUZZ_EXPECT(again.has_value());
    FUZZ_EXPECT(*again == matcher);
    FUZZ_EXPECT(again->matches(labels) == matcher.matches(labels));
  }
  return 0;
}
