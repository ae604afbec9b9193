#include <string>
#include <string_view>

#include "common/base/text.h"
#include "tests/fuzz/property.h"

// Text that is shown is clean whatever came in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto valid = heal::to_valid_utf8(input);
  FUZZ_EXPECT(heal::is_utf8(valid));
  if (heal::is_utf8(input)) FUZZ_EXPECT(valid == input);
  const auto shown = heal::printable(input, 40);
  for (const char c : shown)
    FUZZ_EXPECT(static_cast<unsigned char>(c) >= 0x20);
  (void)heal::parse_int(input);
  return 0;
}
