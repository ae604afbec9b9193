#pragma once

#include <optional>
#include <string_view>

#include "common/base/error.h"
#include "common/wire/json_fwd.h"

// How an API of ours says that something could not be done.

namespace heal {

/// `{"error": {"code": "not_found", "message": "…"}}`.
Json error_json(const Error& error);
/// The status that goes with it: invalid 400, not_found 404, conflict and refused 409, too_large 413, everything that
/// may be better later 503, everything else 500.
int http_status_of(ErrorCode code);
/// The code by the name that error_json() gives it; none for those that no API of ours answers with.
std::optional<ErrorCode> parse_error_code(std::string_view name);

}  // namespace heal
