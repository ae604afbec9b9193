#include <string>
#include <string_view>

#include "common/httpd/codec.h"
#include "common/httpd/head.h"
#include "tests/fuzz/property.h"

// The first byte says where the input is cut in two; a head must be found and read the same whole or in pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto cut = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  const heal::httpd::HeadLimits limits;
  std::size_t scanned = 0;
  const auto whole = heal::httpd::find_head(input, limits, scanned);
  std::size_t piecewise = 0;
  auto second = heal::httpd::find_head(input.substr(0, cut), limits, piecewise);
  const bool is_first_complete = std::holds_alternative<std::size_t>(second) && std::get<std::size_t>(second) > 0;
  if (cut < input.size() && std::holds_alternative<std::size_t>(second) && !is_first_complete) {
    second = heal::httpd::find_head(input, limits, piecewise);
    FUZZ_EXPECT(second == whole);
  }
  const auto* length = std::get_if<std::size_t>(&whole);
  if (length == nullptr || *length == 0) return 0;
  FUZZ_EXPECT(*length <= input.size() && *length <= limits.bytes);
  const auto parsed = heal::httpd::parse_head(input.substr(0, *length), limits);
  const auto* head = std::get_if<heal::httpd::Head>(&parsed);
  if (head == nullptr) return 0;
  FUZZ_EXPECT(head->headers.size() <= limits.headers);
  FUZZ_EXPECT(!(head->is_chunked && head->content_length));
  FUZZ_EXPECT(head->target.starts_with('/'));
  const auto request = heal::httpd::read_request(*head);
  if (!request) return 0;
  FUZZ_EXPECT(request->path.find('\0') == std::string::npos);
  FUZZ_EXPECT(request->method == head->method);
  return 0;
}
