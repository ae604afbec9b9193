#include "common/playbook/condition.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::playbook {
namespace {

std::optional<double> as_number(std::string_view text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number != number) return std::nullopt;
  return number;
}

Truth truth_of(bool value) {
  return value ? Truth::kTrue : Truth::kFalse;
}

Truth test(const Condition& condition, const std::string& value) {
  const auto& operands = condition.operands;
  switch (condition.op) {
    case Condition::Op::kIs:
      return truth_of(value == operands[0]);
    case Condition::Op::kIsNot:
      return truth_of(value != operands[0]);
    case Condition::Op::kIn:
      return truth_of(std::find(operands.begin(), operands.end(), value) != operands.end());
    case Condition::Op::kMatches:
      return truth_of(condition.regex && condition.regex->full_match(value));
    case Condition::Op::kGreater:
    case Condition::Op::kLess: {
      const auto number = as_number(value);
      if (!number) return Truth::kUnknown;
      return truth_of(condition.op == Condition::Op::kGreater ? *number > condition.number
                                                              : *number < condition.number);
    }
  }
  return Truth::kUnknown;
}

std::string_view to_string(Truth truth) {
  return truth == Truth::kTrue ? "true" : truth == Truth::kFalse ? "false" : "unknown, it is not a number";
}

std::string wanted(const Condition& condition) {
  if (condition.op == Condition::Op::kIn) return fmt::format("in [{}]", fmt::join(condition.operands, ", "));
  return fmt::format("{} {}", to_string(condition.op), condition.operands[0]);
}

}  // namespace

std::string_view to_string(Condition::Op op) {
  switch (op) {
    case Condition::Op::kIs:
      return "is";
    case Condition::Op::kIsNot:
      return "is_not";
    case Condition::Op::kIn:
      return "in";
    case Condition::Op::kGreater:
      return "gt";
    case Condition::Op::kLess:
      return "lt";
    case Condition::Op::kMatches:
      return "matches";
  }
  return "is";
}

std::string Condition::str() const {
  return value + " " + wanted(*this);
}

ConditionResult evaluate(const std::vector<Condition>& conditions, const Scope& scope) {
  ConditionResult out;
  for (const auto& condition : conditions) {
    const auto found = scope.find(condition.value);
    if (found == scope.end())
      return {Truth::kUnknown, fmt::format("{} has no value (wanted: {})", condition.value, wanted(condition))};
    const Truth truth = test(condition, found->second);
    out.explanation = fmt::format("{} is \"{}\" (wanted: {}): {}", condition.value, printable(found->second, 80),
                                  wanted(condition), to_string(truth));
    out.truth = truth;
    if (truth != Truth::kTrue) return out;
  }
  if (conditions.size() > 1) out.explanation = fmt::format("all {} conditions hold", conditions.size());
  return out;
}

}  // namespace heal::playbook
