#pragma once

#include <string>

#include "common/base/result.h"
#include "common/remedy/ledger.h"

namespace heal::remedy {

std::string to_json_text(const Progress& progress);
Result<Progress> parse_progress(const std::string& text);

}  // namespace heal::remedy
