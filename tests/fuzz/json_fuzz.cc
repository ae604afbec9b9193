#include <string_view>

#include "common/wire/json.h"
#include "tests/fuzz/property.h"

// What is taken as JSON is the same value after being written and read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = heal::parse_json({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto again = heal::parse_json(heal::dump(*parsed));
  FUZZ_EXPECT(again.has_value());
  FUZZ_EXPECT(heal::dump(*again) == heal::dump(*parsed));
  return 0;
}
