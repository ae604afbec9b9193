#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace heal {

/// A compiled RE2 regular expression (Prometheus' dialect). Immutable, cheap to copy, thread-safe. Matching is linear
/// in the text; compiled patterns are capped at 8 MiB of memory.
class Regex {
 public:
  /// kInvalid with RE2's reason when `pattern` is not a regular expression.
  static Result<Regex> compile(std::string_view pattern);

  /// True when the whole of `text` matches.
  bool full_match(std::string_view text) const;
  // As in Go, a byte that is no UTF-8 is the one character U+FFFD to search() and captures().
  /// True when some part of `text` matches.
  bool search(std::string_view text) const;
  /// The first match in `text` and its groups (0 is the whole match; a group that took no part is ""); empty: no match.
  std::vector<std::string> captures(std::string_view text) const;
  /// Names of the groups, "" for unnamed ones; index 0 is the whole match.
  std::vector<std::string> group_names() const;
  const std::string& pattern() const;

  bool operator==(const Regex& other) const { return pattern() == other.pattern(); }

 private:
  std::vector<std::string> captures_of(std::string_view text) const;
  struct Compiled;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace heal
