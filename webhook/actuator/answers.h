#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/container.h"

namespace heal::actuator {

/// Whether an answer may speak of this container. Name, id, image and labels are known.
using MaySee = std::function<bool(const ContainerInfo& container)>;

/// The answer to `GET /containers/json` without the containers that may not be seen.
Result<std::string> filter_list(std::string_view body, const MaySee& may_see);

/// The answer to `GET /containers/{id}/json` without the environment, where passwords are.
Result<std::string> hide_environment(std::string_view body);

/// How long a stop that names no time gives the container that was inspected: its own stop time-out, or the engine's 10
/// s when it has none. At most `most`, also for one that would wait for ever.
Duration stop_time_of(std::string_view inspected, Duration most);

/// Passes on the lines of `GET /events` that are about containers that may be seen. One stream, one thread.
class EventFilter {
 public:
  explicit EventFilter(MaySee may_see) : may_see_(std::move(may_see)) {}
  /// The lines that `chunk` completes and that may pass.
  std::string feed(std::string_view chunk);

 private:
  bool may_pass(std::string_view line) const;

  const MaySee may_see_;
  std::string rest_;
};

}  // namespace heal::actuator
