#include <string>
#include <string_view>

#include "common/playbook/playbook.h"
#include "tests/fuzz/property.h"

// Playbook files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  heal::config::Diagnostics diagnostics;
  const auto book = heal::playbook::parse_playbook(std::string(input), "fuzz.yml", {}, diagnostics);
  FUZZ_EXPECT(book.has_value() != diagnostics.has_errors());
  if (book) FUZZ_EXPECT(!book->name.empty() && !book->steps.empty());
  (void)diagnostics.render();
  return 0;
}
