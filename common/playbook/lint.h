#pragma once

#include <string>
#include <vector>

#include "common/base/source_span.h"
#include "common/playbook/alert_rules.h"
#include "common/playbook/bundle.h"

namespace heal::playbook {

/// Something in valid files that is probably not meant.
struct Finding {
  std::string rule;  ///< unreached-playbook, shadowed-route, missing-verify, unanswered-alert, label-not-set,
                     ///< unstable-label, changing-label, check
  SourceSpan span;
  std::string message;  ///< what, and why it matters
  std::string hint;     ///< what to do

  bool operator==(const Finding&) const = default;
};

/// The names of all rules.
std::vector<std::string> lint_rules();

/// Everything about `bundle` by itself and, unless `rules` is empty, about both together. By file, line and column.
std::vector<Finding> lint(const Bundle& bundle, const std::vector<AlertRule>& rules);

}  // namespace heal::playbook
