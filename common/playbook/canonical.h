#pragma once

#include <string>

#include "common/playbook/plan.h"

namespace heal::playbook {

/// Everything that `plan` does as one JSON object: sorted keys, no spaces, durations and numbers in one spelling. Of
/// what may hold a secret, what may be shown and a digest of all.
std::string canonical_json(const Plan& plan);

/// What may be stored and shown of `text`, the value of the argument `name`: URLs without user, password, query and
/// fragment; bodies without what is named like a secret.
std::string shown_text(const std::string& name, const std::string& text);

}  // namespace heal::playbook
