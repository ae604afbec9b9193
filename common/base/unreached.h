#pragma once

#include "common/base/error.h"

namespace heal {

/// True for an error after which asking again may help because nobody was there, or no longer: it could not be reached,
/// or broke off. Of a change the second leaves open whether it was made.
inline bool is_unreached(const Error& error) {
  return error.code() == ErrorCode::kUnreachable || error.code() == ErrorCode::kUnavailable;
}

}  // namespace heal
