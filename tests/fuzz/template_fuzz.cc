#include <string>
#include <string_view>

#include "common/playbook/text_template.h"
#include "tests/fuzz/property.h"

// Templates: what is put in is never looked at again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto parsed = heal::playbook::Template::parse(input);
  if (!parsed.has_value()) return 0;
  FUZZ_EXPECT(parsed->text() == input);
  heal::playbook::Scope scope;
  for (const auto& reference : parsed->references()) {
    FUZZ_EXPECT(reference.offset <= input.size());
    scope[reference.path] = "{{ labels.x }}$(touch x)";
  }
  const auto expanded = parsed->expand(scope);
  if (!expanded.has_value()) return 0;
  FUZZ_EXPECT(expanded->size() <= heal::playbook::kMaxValueBytes);
  if (parsed->is_literal()) FUZZ_EXPECT(*expanded == input);
  return 0;
}
