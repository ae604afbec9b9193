#include "common/playbook/condition.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

using Op = Condition::Op;

Condition condition(const std::string& value, Op op, std::vector<std::string> operands, double number = 0) {
  Condition out;
  out.value = value;
  out.op = op;
  out.operands = std::move(operands);
  out.number = number;
  if (op == Op::kMatches) out.regex = Regex::compile(out.operands[0]).value();
  return out;
}

const Scope kConditionScope{{"steps.state.status", "exited"}, {"steps.state.exit_code", "137"}};

TEST_CASE("each comparison says what it compared") {
  struct Case {
    Condition condition;
    Truth truth;
    const char* explanation;
  };
  const auto c = GENERATE(values<Case>({
      {condition("steps.state.status", Op::kIs, {"exited"}), Truth::kTrue,
       "steps.state.status is \"exited\" (wanted: is exited): true"},
      {condition("steps.state.status", Op::kIsNot, {"exited"}), Truth::kFalse,
       "steps.state.status is \"exited\" (wanted: is_not exited): false"},
      {condition("steps.state.status", Op::kIn, {"dead", "exited"}), Truth::kTrue,
       "steps.state.status is \"exited\" (wanted: in [dead, exited]): true"},
      {condition("steps.state.status", Op::kMatches, {"exit"}), Truth::kFalse,
       "steps.state.status is \"exited\" (wanted: matches exit): false"},
      {condition("steps.state.status", Op::kMatches, {"exit.*"}), Truth::kTrue,
       "steps.state.status is \"exited\" (wanted: matches exit.*): true"},
      {condition("steps.state.exit_code", Op::kGreater, {"128"}, 128), Truth::kTrue,
       "steps.state.exit_code is \"137\" (wanted: gt 128): true"},
      {condition("steps.state.exit_code", Op::kLess, {"128"}, 128), Truth::kFalse,
       "steps.state.exit_code is \"137\" (wanted: lt 128): false"},
      {condition("steps.state.status", Op::kGreater, {"1"}, 1), Truth::kUnknown,
       "steps.state.status is \"exited\" (wanted: gt 1): unknown, it is not a number"},
      {condition("steps.other.status", Op::kIsNot, {"x"}), Truth::kUnknown,
       "steps.other.status has no value (wanted: is_not x)"},
  }));
  REQUIRE(evaluate({c.condition}, kConditionScope) == ConditionResult{c.truth, c.explanation});
}

TEST_CASE("all conditions must hold, and the first that does not is named") {
  const auto yes = condition("steps.state.status", Op::kIs, {"exited"});
  const auto no = condition("steps.state.exit_code", Op::kIs, {"0"});
  REQUIRE(evaluate({}, kConditionScope) == ConditionResult{Truth::kTrue, ""});
  REQUIRE(evaluate({yes, yes}, kConditionScope) == ConditionResult{Truth::kTrue, "all 2 conditions hold"});
  REQUIRE(evaluate({yes, no, yes}, kConditionScope) ==
          ConditionResult{Truth::kFalse, "steps.state.exit_code is \"137\" (wanted: is 0): false"});
}

}  // namespace
}  // namespace heal::playbook
