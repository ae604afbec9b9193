#include <string_view>

#include "common/wire/json.h"
#include "common/wire/json_reader.h"
#include "tests/fuzz/property.h"

// What is taken as JSON is what the library takes, and the same value after being written and read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = heal::parse_json(text);
  if (!parsed) return 0;
  const auto library = heal::parse_any_json(text, {});
  FUZZ_EXPECT(library.has_value() && *library == *parsed);
  FUZZ_EXPECT(heal::dump(*library) == heal::dump(*parsed));
  const auto again = heal::parse_json(heal::dump(*parsed));
  FUZZ_EXPECT(again.has_value());
  FUZZ_EXPECT(heal::dump(*again) == heal::dump(*parsed));
  return 0;
}
