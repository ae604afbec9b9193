#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/result.h"
#include "common/httpd/message.h"
#include "common/wire/json_fwd.h"

namespace heal::webhook {

/// A JSON answer.
httpd::HttpResponse answer(int status, const Json& body);

/// `{"error": {"code", "message"}}` with the status that fits: invalid 400, not_found 404, conflict and refused 409,
/// too_large 413, unavailable and storage 503 with Retry-After, everything else 500.
httpd::HttpResponse answer_error(const Error& error);
/// The answer, or the error's.
httpd::HttpResponse or_error(Result<httpd::HttpResponse> response);

}  // namespace heal::webhook
