#include "healctl/service/sse.h"

#include <utility>

namespace heal::ctl {
namespace {

constexpr std::size_t kLargestEvent = 1 << 20;

}  // namespace

void SseParser::take_line(std::string_view line, std::vector<ServerEvent>& events) {
  if (line.empty()) {
    if (has_data_) {
      if (event_.type.empty()) event_.type = "message";
      events.push_back(event_);
    }
    event_.type.clear();
    event_.data.clear();
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
}

Result<std::vector<ServerEvent>> SseParser::feed(std::string_view chunk) {
  std::vector<ServerEvent> events;
  for (const char c : chunk) {
    const bool second_of_crlf = c == '\n' && std::exchange(ended_with_cr_, false);
    if (second_of_crlf) continue;
    ended_with_cr_ = c == '\r';
    if (c == '\n' || c == '\r') {
      take_line(std::exchange(buffer_, {}), events);
    } else {
      buffer_ += c;
    }
    if (buffer_.size() + event_.data.size() > kLargestEvent) {
      return make_error(ErrorCode::kTooLarge, "the service sent an event of more than {} bytes", kLargestEvent);
    }
  }
  return events;
}

}  // namespace heal::ctl
