#pragma once

#include <optional>
#include <set>
#include <string>

#include "common/base/time.h"
#include "common/config/decode.h"

namespace heal::exporter {

/// How often something is done: 100 ms and up.
std::optional<Duration> as_interval(const config::Value& value);

/// Reports the items of a list whose name stood there before.
class UniqueNames {
 public:
  /// `what`: what the items are, in one word.
  explicit UniqueNames(std::string what) : what_(std::move(what)) {}
  void check(const config::Value& item, const std::string& name);

 private:
  const std::string what_;
  std::set<std::string> seen_;
};

}  // namespace heal::exporter
