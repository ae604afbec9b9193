#pragma once

#include <string>

#include "common/playbook/plan.h"

namespace heal::playbook {

/// Everything that `plan` does as one JSON object: sorted keys, no spaces, durations and numbers in one spelling.
std::string canonical_json(const Plan& plan);

}  // namespace heal::playbook
