#include <string>
#include <string_view>

#include "common/playbook/heal_config.h"
#include "tests/fuzz/property.h"

// heal.yml; what --config.print shows can be read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  heal::config::Diagnostics diagnostics;
  const auto parsed = heal::playbook::parse_heal_config(std::string(input), "heal.yml", diagnostics);
  FUZZ_EXPECT(parsed.has_value() != diagnostics.has_errors());
  (void)diagnostics.render();
  if (!parsed) return 0;
  heal::config::Diagnostics again;
  FUZZ_EXPECT(heal::playbook::parse_heal_config(heal::playbook::print_config(*parsed), "heal.yml", again).has_value());
  return 0;
}
