#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace heal::ctl {

/// One server-sent event.
struct ServerEvent {
  std::string id;    ///< the last id seen so far, "" when none was sent
  std::string type;  ///< "message" when the server named none
  std::string data;

  bool operator==(const ServerEvent&) const = default;
};

/// Reads a stream of server-sent events that comes in pieces. Source: WHATWG HTML, section 9.2.6. Not thread-safe.
class SseParser {
 public:
  /// The events that `chunk` completes. kTooLarge when one of them passes a megabyte; the parser is of no use then.
  Result<std::vector<ServerEvent>> feed(std::string_view chunk);

 private:
  void take_line(std::string_view line, std::vector<ServerEvent>& events);

  std::string buffer_;
  ServerEvent event_{"", "", ""};
  bool has_data_ = false;
  bool ended_with_cr_ = false;
};

}  // namespace heal::ctl
