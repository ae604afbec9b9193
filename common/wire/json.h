#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/labels.h"
#include "common/wire/json_fwd.h"

// Headers that only name Json include json_fwd.h: this one costs seconds per file that includes it.

namespace heal {

struct JsonLimits {
  std::size_t max_depth = 64;          ///< of arrays and objects inside one another
  std::size_t max_values = 2'000'000;  ///< in all: a value of two bytes of text takes a hundred bytes of memory
};

/// The one JSON value that `text` is. Refuses (kInvalid) what is not JSON, not UTF-8, has a NUL byte, nests deeper than
/// the limit, has more values, or names a member twice; the message has line, column, byte offset (from 0) and the JSON
/// pointer of the place.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

/// Without white space, members in order of name; bytes that are not UTF-8 become U+FFFD. Never throws.
std::string dump(const Json& value);
/// The same, indented by two spaces, for people.
std::string dump_pretty(const Json& value);

/// `object`, `array`, `string`, `number`, `boolean` or `null`.
std::string_view json_type_name(const Json& value);
/// `base` with one more JSON pointer token (RFC 6901), escaped.
std::string json_pointer(std::string_view base, std::string_view token);
std::string json_pointer(std::string_view base, std::size_t index);

// Typed access to members. `at` is the JSON pointer of `object` in its document and begins every message, as in
// `/alerts/0/status: expected a string, got number`. Errors are kInvalid. None of these throws.

/// The member; null counts as absent, and so does every member of what is not an object.
const Json* find_member(const Json& object, std::string_view name);

/// kInvalid for what is not an object, and for a member that is not one of `known`, with the name that may have been
/// meant: `/dryrun: unknown member, did you mean "dry_run"?`. For requests to us, where an ignored member would be
/// something else done than asked for.
Status check_members(const Json& object, const std::vector<std::string>& known, std::string_view at = "");

Result<std::string> get_string(const Json& object, std::string_view name, std::string_view at = "");
/// The same, but "" is an Error too.
Result<std::string> get_nonempty_string(const Json& object, std::string_view name, std::string_view at = "");
Result<std::int64_t> get_int(const Json& object, std::string_view name, std::string_view at = "");
Result<double> get_double(const Json& object, std::string_view name, std::string_view at = "");
Result<bool> get_bool(const Json& object, std::string_view name, std::string_view at = "");
/// Borrowed from `object`; never null.
Result<const Json*> get_object(const Json& object, std::string_view name, std::string_view at = "");
Result<const Json*> get_array(const Json& object, std::string_view name, std::string_view at = "");
/// An object whose values are all strings.
Result<Labels> get_labels(const Json& object, std::string_view name, std::string_view at = "");
/// An RFC 3339 time; year 1 (Go's "no time") is an Error here.
Result<WallTime> get_time(const Json& object, std::string_view name, std::string_view at = "");

// The same for members that may be absent or null; of the wrong type they are still an Error.
Result<std::optional<std::string>> get_optional_string(const Json& object, std::string_view name,
                                                       std::string_view at = "");
/// "" when absent.
Result<std::string> get_string_or_empty(const Json& object, std::string_view name, std::string_view at = "");
Result<std::optional<std::int64_t>> get_optional_int(const Json& object, std::string_view name,
                                                     std::string_view at = "");
Result<std::optional<double>> get_optional_double(const Json& object, std::string_view name, std::string_view at = "");
Result<std::optional<bool>> get_optional_bool(const Json& object, std::string_view name, std::string_view at = "");
/// nullptr when absent.
Result<const Json*> get_optional_object(const Json& object, std::string_view name, std::string_view at = "");
Result<const Json*> get_optional_array(const Json& object, std::string_view name, std::string_view at = "");
/// Empty when absent.
Result<Labels> get_optional_labels(const Json& object, std::string_view name, std::string_view at = "");
/// Absent, null, "" and year 1 all give nullopt.
Result<std::optional<WallTime>> get_optional_time(const Json& object, std::string_view name, std::string_view at = "");

/// How Go's programs write that there is no time.
inline constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

/// Labels as a JSON object, and times as RFC 3339 with nanoseconds; null when absent.
Json to_json_value(const Labels& labels);
Json to_json_value(const std::optional<WallTime>& time);

}  // namespace heal
