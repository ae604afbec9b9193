#pragma once

#include <string>

namespace heal {

/// What a small file holds; "" when it cannot be read. For /proc and /sys, where the process that a file tells of may
/// end between opening and reading: iterators over a std::ifstream throw then.
std::string read_small_file(const std::string& path);

}  // namespace heal
