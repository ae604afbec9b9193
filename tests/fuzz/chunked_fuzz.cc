#include <string>
#include <string_view>

#include "common/httpd/chunked.h"
#include "tests/fuzz/property.h"

using heal::httpd::ChunkedDecoder;

// A chunked body must give the same, and leave the same, whether it comes whole or byte by byte.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kCap = 4096;
  ChunkedDecoder whole(kCap), pieces(kCap);
  std::string body, piece_body;
  std::string_view rest = input;
  const auto state = whole.feed(rest, body);
  FUZZ_EXPECT(body.size() <= kCap);
  auto piece_state = ChunkedDecoder::State::kMore;
  std::size_t used = 0;
  while (used < input.size() && piece_state == ChunkedDecoder::State::kMore) {
    auto one = input.substr(used++, 1);
    piece_state = pieces.feed(one, piece_body);
  }
  FUZZ_EXPECT(piece_state == state);
  if (state == ChunkedDecoder::State::kDone) {
    FUZZ_EXPECT(body == piece_body);
    FUZZ_EXPECT(input.size() - rest.size() == used);
  }
  return 0;
}
