#include "common/model/regex.h"

#include <algorithm>
#include <map>

#include <re2/re2.h>

#include "common/base/text.h"

namespace heal {
namespace {

RE2::Options quiet_options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  return options;
}

/// `\C` stands for one byte, also of a character: RE2 has it, Go (and so Prometheus) has not.
bool has_byte_escape(std::string_view pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    ++i;
    if (pattern[i] == 'C') return true;
    if (pattern[i] == 'Q') i = std::min(pattern.find("\\E", i), pattern.size());
  }
  return false;
}

}  // namespace

struct Regex::Compiled {
  explicit Compiled(std::string_view text) : pattern(text), regex(pattern, quiet_options()) {}
  std::string pattern;
  RE2 regex;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  if (has_byte_escape(pattern)) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a regular expression: invalid escape sequence: \\C",
                      pattern.substr(0, 200));
  }
  auto compiled = std::make_shared<const Compiled>(pattern);
  if (!compiled->regex.ok()) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a regular expression: {}", pattern.substr(0, 200),
                      compiled->regex.error());
  }
  return Regex(std::move(compiled));
}

bool Regex::full_match(std::string_view text) const {
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled_->regex);
}

bool Regex::search(std::string_view text) const {
  if (RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->regex)) return true;
  return !is_utf8(text) && RE2::PartialMatch(to_valid_utf8(text), compiled_->regex);
}

std::vector<std::string> Regex::captures(std::string_view text) const {
  std::vector<std::string> found = captures_of(text);
  return found.empty() && !is_utf8(text) ? captures_of(to_valid_utf8(text)) : found;
}

std::vector<std::string> Regex::captures_of(std::string_view text) const {
  const auto count = static_cast<std::size_t>(compiled_->regex.NumberOfCapturingGroups()) + 1;
  std::vector<re2::StringPiece> pieces(count);
  const re2::StringPiece input(text.data(), text.size());
  if (!compiled_->regex.Match(input, 0, text.size(), RE2::UNANCHORED, pieces.data(), static_cast<int>(count)))
    return {};
  std::vector<std::string> out;
  out.reserve(count);
  for (const auto& piece : pieces)
    out.emplace_back(piece.data() == nullptr ? "" : piece.as_string());
  return out;
}

std::vector<std::string> Regex::group_names() const {
  std::vector<std::string> names(static_cast<std::size_t>(compiled_->regex.NumberOfCapturingGroups()) + 1);
  for (const auto& [index, name] : compiled_->regex.CapturingGroupNames())
    names[static_cast<std::size_t>(index)] = name;
  return names;
}

const std::string& Regex::pattern() const {
  return compiled_->pattern;
}

}  // namespace heal
