#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace heal::playbook {

/// What templates and conditions may refer to: full path ("labels.instance") → value.
using Scope = std::map<std::string, std::string, std::less<>>;

/// No value that goes through a template, and no expanded text, may be longer.
inline constexpr std::size_t kMaxValueBytes = 4096;

/// A text with `{{ path.to.value }}` places. Expansion is one pass: what is put in is never looked at again, so a value
/// with braces in it stays as it is. There is no logic and no escape; `{{` always begins a place. Immutable.
class Template {
 public:
  Template() = default;
  /// kInvalid with the reason for an unclosed place or a path that is none.
  static Result<Template> parse(std::string_view text);
  /// A template without places, whatever `text` holds.
  static Template literal(std::string text);

  /// The text with every place replaced. kNotFound when a path has no value in `scope`; kTooLarge when a value or the
  /// whole is longer than kMaxValueBytes; kInvalid for a value that is not UTF-8 or holds a control character (those
  /// that turn the direction of text included).
  Result<std::string> expand(const Scope& scope) const { return expand(scope, nullptr); }

  /// What is put in for `value` after the text `before`, or why it must not be put there.
  using Filter = std::function<Result<std::string>(std::string_view before, const std::string& value)>;
  /// The same, with every value going through `filter`.
  Result<std::string> expand(const Scope& scope, const Filter& filter) const;

  const std::string& text() const { return text_; }
  bool is_literal() const;
  /// The text before the first place.
  std::string_view leading_literal() const;
  /// Every path with the place (byte offset in text()) where it is named.
  struct Reference {
    std::string path;
    std::size_t offset = 0;
  };
  std::vector<Reference> references() const;

  bool operator==(const Template&) const = default;

 private:
  struct Part {
    std::string text;  ///< a literal, or a path
    bool is_path = false;
    std::size_t offset = 0;
    bool operator==(const Part&) const = default;
  };
  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace heal::playbook
