#include "common/model/matcher.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace heal {
namespace {

/// Walks a list of matchers. Positions in messages count bytes from 1.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Matcher>> list() {
    std::vector<Matcher> out;
    skip_space();
    const bool braced = take('{');
    for (;;) {
      skip_space();
      if (at_end() || (braced && peek() == '}')) break;
      HEAL_TRY(auto matcher, one());
      out.push_back(std::move(matcher));
      skip_space();
      if (take(',')) continue;
      break;
    }
    skip_space();
    if (braced && !take('}')) return fail("expected \"}\" or \",\"");
    skip_space();
    if (!at_end()) return fail("expected the end or \",\"");
    return out;
  }

 private:
  Result<Matcher> one() {
    HEAL_TRY(auto name, label_name());
    skip_space();
    HEAL_TRY(const auto op, operation());
    skip_space();
    HEAL_TRY(auto value, label_value_text());
    return Matcher::create(std::move(name), op, std::move(value));
  }

  Result<std::string> label_name() {
    if (peek() == '"') return quoted();
    const std::size_t start = pos_;
    while (!at_end() && std::string_view("=!~,{}\" \t\r\n").find(peek()) == std::string_view::npos)
      ++pos_;
    if (start == pos_) return fail("expected a label name");
    return std::string(text_.substr(start, pos_ - start));
  }

  Result<Matcher::Op> operation() {
    using Op = Matcher::Op;
    constexpr std::pair<std::string_view, Op> kOperators[] = {
        {"=~", Op::kMatches}, {"!~", Op::kNotMatches}, {"!=", Op::kNotEqual}, {"=", Op::kEqual}};
    for (const auto& [text, op] : kOperators) {
      if (text_.substr(pos_).substr(0, text.size()) == text) {
        pos_ += text.size();
        return op;
      }
    }
    return fail("expected one of = != =~ !~");
  }

  Result<std::string> label_value_text() {
    if (!at_end() && peek() == '"') return quoted();
    const std::size_t start = pos_;
    while (!at_end() && std::string_view(",{}\" \t\r\n").find(peek()) == std::string_view::npos)
      ++pos_;
    if (start == pos_) return fail("expected a value (use \"\" for an empty one)");
    return std::string(text_.substr(start, pos_ - start));
  }

  Result<std::string> quoted() {
    ++pos_;
    std::string out;
    while (!at_end() && peek() != '"') {
      char c = text_[pos_++];
      if (c == '\\' && !at_end()) {
        const char next = peek();
        // Alertmanager knows three escapes; any other backslash stands for itself, so that \d needs no doubling.
        if (next == '"' || next == '\\' || next == 'n') {
          c = next == 'n' ? '\n' : next;
          ++pos_;
        }
      }
      out += c;
    }
    if (!take('"')) return fail("the closing quote is missing");
    return out;
  }

  bool at_end() const { return pos_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[pos_]; }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    ++pos_;
    return true;
  }
  void skip_space() {
    while (!at_end() && std::string_view(" \t\r\n").find(peek()) != std::string_view::npos)
      ++pos_;
  }
  Error fail(std::string_view expected) const {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a matcher: {} at character {}", printable(text_), expected,
                      pos_ + 1);
  }

  std::string_view text_;
  std::size_t pos_ = 0;
};

std::string_view operator_text(Matcher::Op op) {
  switch (op) {
    case Matcher::Op::kEqual:
      return "=";
    case Matcher::Op::kNotEqual:
      return "!=";
    case Matcher::Op::kMatches:
      return "=~";
    case Matcher::Op::kNotMatches:
      return "!~";
  }
  return "=";
}

}  // namespace

Result<Matcher> Matcher::create(std::string name, Op op, std::string value) {
  if (name.empty() || !is_utf8(name)) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a label name", printable(name));
  }
  if (!is_utf8(value)) return make_error(ErrorCode::kInvalid, "the value for label {} is not UTF-8", printable(name));
  std::optional<Regex> regex;
  if (op == Op::kMatches || op == Op::kNotMatches) {
    HEAL_TRY(regex, Regex::compile(value));
  }
  return Matcher(std::move(name), op, std::move(value), std::move(regex));
}

Result<Matcher> Matcher::parse(std::string_view text) {
  HEAL_TRY(auto list, parse_list(text));
  if (list.size() != 1) {
    return make_error(ErrorCode::kInvalid, "\"{}\" holds {} matchers (expected one)", printable(text), list.size());
  }
  return std::move(list.front());
}

Result<std::vector<Matcher>> Matcher::parse_list(std::string_view text) {
  return Parser(text).list();
}

bool Matcher::matches(const Labels& labels) const {
  const auto value = label_value(labels, name_);
  switch (op_) {
    case Op::kEqual:
      return value == value_;
    case Op::kNotEqual:
      return value != value_;
    case Op::kMatches:
      return regex_->full_match(value);
    case Op::kNotMatches:
      return !regex_->full_match(value);
  }
  return false;
}

std::string Matcher::str() const {
  const bool plain_name = is_label_name(name_);
  std::string out;
  const auto quote = [&out](std::string_view text) {
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    out += '"';
  };
  if (plain_name) {
    out += name_;
  } else {
    quote(name_);
  }
  out += operator_text(op_);
  quote(value_);
  return out;
}

bool all_match(const std::vector<Matcher>& matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); });
}

}  // namespace heal
