#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/source_span.h"
#include "common/model/regex.h"
#include "common/playbook/text_template.h"

namespace heal::playbook {

/// `{value: steps.state.status, is_not: removing}`: one comparison of one value.
struct Condition {
  enum class Op { kIs, kIsNot, kIn, kGreater, kLess, kMatches };

  std::string value;  ///< a path: steps.<step>.<output>, params.…, labels.…, annotations.…, target.…
  Op op = Op::kIs;
  std::vector<std::string> operands;  ///< one, for kIn any number
  double number = 0;                  ///< for kGreater and kLess
  std::optional<Regex> regex;         ///< for kMatches: the whole value must match

  /// `steps.state.status is_not removing`.
  std::string str() const;
  bool operator==(const Condition&) const = default;
};
std::string_view to_string(Condition::Op op);

/// What conditions said. A value that is missing, or is no number where one is compared, is kUnknown: the step fails
/// rather than being skipped or run.
enum class Truth { kTrue, kFalse, kUnknown };
struct ConditionResult {
  Truth truth = Truth::kTrue;
  std::string explanation;  ///< one line, e.g. `steps.state.status is "exited" (wanted: is_not removing): true`

  bool operator==(const ConditionResult&) const = default;
};

/// All conditions must hold; none hold trivially. `scope` is the plan's scope with the outputs of the steps so far.
ConditionResult evaluate(const std::vector<Condition>& conditions, const Scope& scope);

}  // namespace heal::playbook
