#include <string>
#include <string_view>

#include "common/model/regex.h"
#include "common/probe/expand.h"
#include "common/probe/line_buffer.h"
#include "common/probe/service_port.h"
#include "tests/fuzz/property.h"

namespace {

using heal::probe::LineBuffer;

std::vector<std::string> lines_of(std::string_view bytes, std::size_t piece) {
  LineBuffer buffer;
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const std::size_t length = std::min(piece, bytes.size());
    buffer.add(bytes.substr(0, length));
    bytes.remove_prefix(length);
    while (auto line = buffer.next())
      lines.push_back(*std::move(line));
  }
  buffer.end();
  while (auto line = buffer.next())
    lines.push_back(*std::move(line));
  return lines;
}

}  // namespace

// A tcp dialogue: an expression, what is sent for it, and what the other side says, with empty lines between.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t first = input.find("\n\n");
  if (first == std::string_view::npos) return 0;
  const std::size_t second = input.find("\n\n", first + 2);
  if (second == std::string_view::npos) return 0;
  const std::string_view bytes = input.substr(second + 2);
  const auto whole = lines_of(bytes, bytes.size() + 1);
  // However the bytes were cut on the way.
  if (bytes.size() < 60'000) FUZZ_EXPECT(lines_of(bytes, 1) == whole);
  for (const std::string& line : whole)
    FUZZ_EXPECT(line.find('\n') == std::string::npos);
  // Bytes taken as they are leave the lines behind them.
  LineBuffer taken;
  taken.add(bytes);
  const std::size_t count = std::min<std::size_t>(second, bytes.size());
  FUZZ_EXPECT(taken.rest() == bytes);
  taken.skip(count);
  taken.end();
  std::vector<std::string> behind;
  while (auto line = taken.next())
    behind.push_back(*std::move(line));
  if (bytes.size() < 60'000) FUZZ_EXPECT(behind == lines_of(bytes.substr(count), bytes.size() + 1));
  (void)heal::probe::service_port(bytes, "http", heal::probe::PortTransport::kTcp);
  const auto regex = heal::Regex::compile(input.substr(0, first));
  if (!regex.has_value()) return 0;
  const std::string_view text = input.substr(first + 2, second - first - 2);
  for (const std::string& line : whole) {
    const auto groups = regex->captures(line);
    FUZZ_EXPECT(groups.empty() != regex->search(line));
    if (groups.empty()) continue;
    FUZZ_EXPECT(groups.size() == regex->group_names().size());
    std::size_t longest = 0;
    for (const std::string& group : groups)
      longest = std::max(longest, group.size());
    FUZZ_EXPECT(heal::probe::expand_groups(text, groups, regex->group_names()).size() <= text.size() * (longest + 1));
  }
  return 0;
}
