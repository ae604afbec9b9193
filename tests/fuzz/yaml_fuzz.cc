#include <string>

#include "common/config/yaml.h"
#include "tests/fuzz/property.h"

// A file gives a node or at least one error, each at a place inside the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const heal::config::Source source("f.yml", std::string(reinterpret_cast<const char*>(data), size));
  heal::config::Diagnostics diagnostics;
  const auto node = heal::config::parse_yaml(source, diagnostics);
  FUZZ_EXPECT(node.has_value() != diagnostics.has_errors());
  return 0;
}
