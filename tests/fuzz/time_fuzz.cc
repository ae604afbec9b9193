#include <string_view>

#include "common/base/time.h"
#include "tests/fuzz/property.h"

// Durations and times that are taken keep their value when written and read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = heal::parse_duration(text)) {
    const auto again = heal::parse_duration(heal::format_duration(*duration));
    FUZZ_EXPECT(again.has_value());
    FUZZ_EXPECT(*again == *duration);
  }
  (void)heal::parse_go_duration(text);
  if (const auto time = heal::parse_rfc3339(text); time && time->has_value()) {
    const auto again = heal::parse_rfc3339(heal::format_rfc3339_nano(**time));
    FUZZ_EXPECT(again.has_value());
    FUZZ_EXPECT(*again == *time);
  }
  return 0;
}
