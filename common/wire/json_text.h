#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/model/incident.h"
#include "common/model/labels.h"

// JSON as dump() writes it, without a Json between: for what is written with every alert.

namespace heal {

/// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// A JSON object whose members are added in order of their names.
class JsonObjectText {
 public:
  /// `expected_size`: of the whole text; it may become longer.
  explicit JsonObjectText(std::size_t expected_size = 256);

  JsonObjectText& text(std::string_view name, std::string_view value);
  JsonObjectText& number(std::string_view name, std::int64_t value);
  /// RFC 3339 with nanoseconds, or null.
  JsonObjectText& time(std::string_view name, const std::optional<WallTime>& value);
  /// `json` is a whole JSON value.
  JsonObjectText& raw(std::string_view name, std::string_view json);
  /// The object; nothing may be added afterwards.
  std::string take();

 private:
  void begin(std::string_view name);

  std::string out_;
};

/// dump(to_json_value(labels)).
std::string json_text(const Labels& labels);
/// An array of strings.
std::string json_text(const std::vector<std::string>& texts);
/// dump(to_json(incident)) without the members that are null, empty or 0, and without what its times tell.
std::string json_text(const Incident& incident);

}  // namespace heal
