#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"
#include "common/model/regex.h"

namespace heal {

/// One label test in Alertmanager's syntax: `name="value"`, `!=`, `=~`, `!~`. Regular expressions are RE2 and anchored
/// at both ends; an absent label counts as "". Immutable, thread-safe.
class Matcher {
 public:
  enum class Op { kEqual, kNotEqual, kMatches, kNotMatches };

  static Result<Matcher> create(std::string name, Op op, std::string value);

  /// Parses `alertname=~"A|B"`, `severity = critical`, with the escapes \" \\ \n inside quotes. Braces and commas
  /// around one matcher are allowed as Alertmanager allows them (`{a="1",}`); more than one is an Error: use
  /// parse_list. Source: alertmanager docs/configuration.md, "matcher".
  static Result<Matcher> parse(std::string_view text);
  /// Parses `{a="1", b=~"x|y"}` or the same without braces. Commas inside quotes do not separate.
  static Result<std::vector<Matcher>> parse_list(std::string_view text);

  bool matches(const Labels& labels) const;

  const std::string& name() const { return name_; }
  Op op() const { return op_; }
  const std::string& value() const { return value_; }
  /// `name=~"value"` with escapes; parse(str()) gives an equal Matcher.
  std::string str() const;

  bool operator==(const Matcher& other) const {
    return name_ == other.name_ && op_ == other.op_ && value_ == other.value_;
  }

 private:
  Matcher(std::string name, Op op, std::string value, std::optional<Regex> regex)
      : name_(std::move(name)), op_(op), value_(std::move(value)), regex_(std::move(regex)) {}

  std::string name_;
  Op op_;
  std::string value_;
  std::optional<Regex> regex_;
};

/// True when every matcher matches; an empty list matches everything.
bool all_match(const std::vector<Matcher>& matchers, const Labels& labels);

}  // namespace heal
