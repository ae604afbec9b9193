#pragma once

#include <string>

#include "common/base/result.h"

namespace heal::test {

/// `ok`, or the code of the error.
template <typename T>
std::string code_of(const T& result) {
  return result ? "ok" : std::string(to_string(result.error().code()));
}

}  // namespace heal::test
