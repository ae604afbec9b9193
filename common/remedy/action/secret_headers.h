#pragma once

#include <map>
#include <string>

#include "common/port/http_client.h"

namespace heal::remedy {

/// Adds a header for each name, with the value that stands in the file. The files are read each time, so that a new
/// secret needs no reload; relative paths begin in `folder`. kInvalid for one that is not a line of text.
Status add_headers_from_files(const std::map<std::string, std::string>& files, const std::string& folder,
                              HttpClientRequest& request);

}  // namespace heal::remedy
