#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/decode.h"

namespace heal::config {

/// The whole of a regular file of at most `max_bytes`. kNotFound, kUnauthorized, kTooLarge, kInvalid (a folder).
Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes = 4 << 20);

/// The files that `patterns` name, each pattern a file, a folder (its *.yml and *.yaml files) or a glob (`*`, `?`,
/// `[…]`) in the last parts; relative ones are relative to `base`. Sorted within a pattern, without repetitions. A
/// pattern without `*?[` that names nothing is kNotFound; a glob may match nothing.
Result<std::vector<std::string>> expand_paths(const std::vector<std::string>& patterns, const std::string& base);

/// The folder of `path`: "." for a bare name.
std::string folder_of(const std::string& path);
/// `path` seen from `base` unless it is absolute.
std::string resolve_path(const std::string& path, const std::string& base);

/// The secret itself, read from its file when it is in one (a line end at the end is dropped). kInvalid when it is
/// empty.
Result<std::string> load_secret(const Secret& secret, const std::string& base);

}  // namespace heal::config
