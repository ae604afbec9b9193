#pragma once

#include <nlohmann/json_fwd.hpp>

namespace heal {

/// A JSON value. Object members are kept in order of name, so that equal values have equal dumps.
using Json = nlohmann::json;

}  // namespace heal
