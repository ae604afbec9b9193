#include "common/httpd/chunked.h"

#include <algorithm>
#include <charconv>

#include "common/base/text.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxTrailers = 8 * 1024;

}  // namespace

bool ChunkedDecoder::take_line(std::string_view& input) {
  const auto newline = input.find('\n');
  const auto taken = newline == std::string_view::npos ? input.size() : newline + 1;
  line_.append(input.substr(0, std::min(taken, kMaxLine + 1)));
  input.remove_prefix(taken);
  if (line_.size() > kMaxLine) {
    fail(State::kMalformed);
    return false;
  }
  if (newline == std::string_view::npos) return false;
  if (!line_.ends_with("\r\n")) {
    fail(State::kMalformed);
    return false;
  }
  line_.resize(line_.size() - 2);
  return true;
}

ChunkedDecoder::State ChunkedDecoder::read_size() {
  const std::string_view digits = trim(std::string_view(line_).substr(0, line_.find(';')));
  std::uint64_t size = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (problem != std::errc() || end != digits.data() + digits.size() || digits.size() > 15) {
    return fail(State::kMalformed);
  }
  remaining_ = size;
  step_ = size == 0 ? Step::kTrailer : Step::kData;
  line_.clear();
  return State::kMore;
}

ChunkedDecoder::State ChunkedDecoder::read_trailer() {
  trailer_bytes_ += line_.size() + 2;
  if (trailer_bytes_ > kMaxTrailers) return fail(State::kMalformed);
  if (line_.empty()) step_ = Step::kDone;
  line_.clear();
  return step_ == Step::kDone ? State::kDone : State::kMore;
}

ChunkedDecoder::State ChunkedDecoder::feed(std::string_view& input, std::string& body) {
  while (failed_ == State::kMore && step_ != Step::kDone && !input.empty()) {
    if (step_ == Step::kData) {
      const auto piece = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
      if (remaining_ > max_body_bytes_ || body.size() > max_body_bytes_ - remaining_) return fail(State::kTooLarge);
      body.append(piece);
      input.remove_prefix(piece.size());
      remaining_ -= piece.size();
      if (remaining_ == 0) step_ = Step::kDataEnd;
      continue;
    }
    if (!take_line(input)) continue;
    if (step_ == Step::kSize) {
      read_size();
    } else if (step_ == Step::kTrailer) {
      read_trailer();
    } else if (!line_.empty()) {
      fail(State::kMalformed);
    } else {
      step_ = Step::kSize;
    }
  }
  if (failed_ != State::kMore) return failed_;
  return step_ == Step::kDone ? State::kDone : State::kMore;
}

}  // namespace heal::httpd
