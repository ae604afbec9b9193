#pragma once

#include <string>

#include <curl/curl.h>

#include "common/model/probe_failure.h"

namespace heal::system {

/// What libcurl's `code` and `text` mean in our closed sets. `connected`: the request could be sent; `responded`: the
/// head of the answer came.
ProbeFailure curl_failure(CURL* easy, CURLcode code, bool connected, bool responded, const std::string& text);

}  // namespace heal::system
