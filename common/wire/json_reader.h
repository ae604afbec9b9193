#pragma once

#include <optional>
#include <string_view>

#include "common/wire/json.h"

namespace heal {

/// Reads plain JSON several times as fast as the library: what notifications are made of. `text` must be UTF-8. nullopt
/// for whatever is wrong, and for what is rare (fractions, surrogates): then the library must be asked, which has the
/// words for it.
std::optional<Json> read_plain_json(std::string_view text, const JsonLimits& limits);

/// What parse_json() asks then; `text` must be UTF-8 without NUL.
Result<Json> parse_any_json(std::string_view text, const JsonLimits& limits);

}  // namespace heal
