#include <string_view>

#include "common/wire/alertmanager.h"
#include "tests/fuzz/property.h"

// Whatever is posted to us is refused or becomes a group that survives being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto parsed = heal::parse_alertmanager_v4(body);
  if (!parsed) return 0;
  FUZZ_EXPECT(!parsed->group.alerts.empty() || !parsed->rejected.empty());
  if (parsed->group.alerts.empty()) return 0;
  const auto again = heal::parse_alertmanager_v4(heal::write_alertmanager_v4(parsed->group));
  FUZZ_EXPECT(again.has_value());
  FUZZ_EXPECT(again->group == parsed->group);
  return 0;
}
