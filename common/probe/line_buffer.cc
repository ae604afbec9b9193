#include "common/probe/line_buffer.h"

#include <algorithm>

namespace heal::probe {
namespace {

constexpr std::size_t kMaxLine = 64 * 1024;

std::string without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return std::string(line);
}

}  // namespace

std::optional<std::string> LineBuffer::next() {
  const std::size_t feed = pending_.find('\n', scanned_);
  if (feed == std::string::npos) {
    if (ended_ && begin_ < pending_.size() && !is_too_long()) {
      std::string rest = without_cr(std::string_view(pending_).substr(begin_));
      begin_ = scanned_ = pending_.size();
      return rest;
    }
    pending_.erase(0, begin_);
    begin_ = 0;
    scanned_ = pending_.size();
    return std::nullopt;
  }
  if (feed - begin_ >= kMaxLine) return std::nullopt;
  std::string line = without_cr(std::string_view(pending_).substr(begin_, feed - begin_));
  begin_ = scanned_ = feed + 1;
  return line;
}

void LineBuffer::skip(std::size_t count) {
  begin_ += count;
  scanned_ = std::max(scanned_, begin_);
}

bool LineBuffer::is_too_long() const {
  const std::size_t feed = pending_.find('\n', begin_);
  return (feed == std::string::npos ? pending_.size() : feed) - begin_ >= kMaxLine;
}

}  // namespace heal::probe
