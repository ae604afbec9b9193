#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heal::httpd {

/// Decodes a chunked request body piece by piece. Chunk extensions and trailers are read and dropped, both bounded.
/// Source: RFC 9112 7.1.
class ChunkedDecoder {
 public:
  enum class State { kMore, kDone, kMalformed, kTooLarge };

  explicit ChunkedDecoder(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  /// Consumes from the front of `input` what belongs to the body and appends decoded bytes to `body`. After kDone the
  /// rest of `input` belongs to the next request; after an error nothing more can be made of the connection.
  State feed(std::string_view& input, std::string& body);

 private:
  enum class Step { kSize, kData, kDataEnd, kTrailer, kDone };

  State fail(State state) {
    failed_ = state;
    return state;
  }
  // Takes one CRLF-ended line into line_; false while it is incomplete.
  bool take_line(std::string_view& input);
  State read_size();
  State read_trailer();

  std::size_t max_body_bytes_;
  Step step_ = Step::kSize;
  State failed_ = State::kMore;
  std::uint64_t remaining_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string line_;
};

}  // namespace heal::httpd
