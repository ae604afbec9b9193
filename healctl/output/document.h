#pragma once

#include <string>

#include "common/wire/json_fwd.h"

namespace heal::ctl {

/// `value` as a YAML document that every YAML 1.1 and 1.2 reader takes for the same value: block style, strings quoted
/// as soon as they could be read as anything else. Ends with a line end.
std::string to_yaml(const Json& value);

}  // namespace heal::ctl
