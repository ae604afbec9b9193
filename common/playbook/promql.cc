#include "common/playbook/promql.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace heal::playbook {
namespace {

constexpr std::array<std::string_view, 16> kAggregations{
    "sum",  "min",          "max",     "avg",      "group",  "stddev",      "stdvar", "count",
    "topk", "count_values", "bottomk", "quantile", "limitk", "limit_ratio", "by",     "without"};
constexpr std::array<std::string_view, 14> kKeywords{"and",         "or",       "unless", "bool",   "atan2",
                                                     "inf",         "nan",      "on",     "offset", "group_left",
                                                     "group_right", "ignoring", "start",  "end"};
constexpr std::array<std::string_view, 6> kBeforeLabels{"by", "without", "on", "ignoring", "group_left", "group_right"};
constexpr std::array<std::string_view, 3> kJoins{"or", "group_left", "group_right"};

/// Further back than any Prometheus remembers; longer ones are taken for this.
constexpr std::chrono::milliseconds kFar = std::chrono::hours(24 * 3650);

template <typename List>
bool is_one_of(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<PromqlReads> read() {
    for (skip_space(); at_ < text_.size(); skip_space())
      HEAL_TRY_STATUS(step());
    out_.looks_back = std::min<Duration>(kFar, ranges_ + offset_);
    return std::move(out_);
  }

 private:
  static Error unclear(std::string_view what) {
    return make_error(ErrorCode::kInvalid, "it cannot be told what the query reads: {}", what);
  }

  Status step() {
    const char c = text_[at_];
    if (c == '@') return unclear("it is pinned to a time by @");
    if (begins_name(c)) return name();
    if (c == '{') return selector("");
    if (c == '[') return range();
    if (c == '"' || c == '\'' || c == '`') return skip_string();
    if (is_digit(c)) {
      skip_number();
      return {};
    }
    ++at_;
    return {};
  }

  Status name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_])))
      ++at_;
    const std::string word(text_.substr(start, at_ - start));
    const std::string lower = to_lower(word);
    if (is_one_of(kJoins, lower)) out_.joins_labels = true;
    skip_space();
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    if (is_one_of(kBeforeLabels, lower)) return next == '(' ? skip_labels() : Status();
    if (lower == "offset") return offset();
    const bool is_call = next == '(' || (is_one_of(kAggregations, lower) && next != '{' && next != '[');
    if (is_call || (is_one_of(kKeywords, lower) && next != '{')) return {};
    return next == '{' ? selector(word) : keep(word);
  }

  Status selector(const std::string& metric) {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '}') {
      if (text_[at_] == '"' || text_[at_] == '\'' || text_[at_] == '`') {
        HEAL_TRY_STATUS(skip_string());
      } else {
        ++at_;
      }
    }
    if (at_ == text_.size()) return unclear("a brace is not closed");
    ++at_;
    return keep(metric + std::string(text_.substr(start, at_ - start)));
  }

  Status keep(std::string selector) {
    auto& all = out_.selectors;
    if (!is_one_of(all, selector)) all.push_back(std::move(selector));
    return {};
  }

  /// `[5m]`, or `[1h:1m]`. Subqueries stand around ranges: their lengths add up, and to add up those that stand side by
  /// side errs on the safe side.
  Status range() {
    const auto end = text_.find(']', at_);
    if (end == std::string_view::npos) return unclear("a bracket is not closed");
    const auto inside = text_.substr(at_ + 1, end - at_ - 1);
    HEAL_TRY(const Duration length, duration(trim(inside.substr(0, inside.find(':')))));
    ranges_ = std::min<Duration>(kFar, ranges_ + length);
    at_ = end + 1;
    return {};
  }

  Status offset() {
    const bool is_ahead = at_ < text_.size() && text_[at_] == '-';
    if (is_ahead) ++at_;
    skip_space();
    const std::size_t start = at_;
    skip_number();
    HEAL_TRY(const Duration length, duration(text_.substr(start, at_ - start)));
    if (!is_ahead) offset_ = std::min<Duration>(kFar, offset_ + length);
    return {};
  }

  /// As Prometheus writes durations; a bare number is seconds.
  static Result<Duration> duration(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> kUnits{{{"ms", 1},
                                                                               {"s", 1'000},
                                                                               {"m", 60'000},
                                                                               {"h", 3'600'000},
                                                                               {"d", 86'400'000},
                                                                               {"w", 604'800'000},
                                                                               {"y", 31'536'000'000}}};
    constexpr std::size_t kMostDigits = 6;
    std::chrono::milliseconds out{};
    if (text.empty()) return unclear("a range has no length");
    while (!text.empty()) {
      const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
      const auto number = parse_int(text.substr(0, digits));
      if (!number || digits > kMostDigits) return unclear(printable(text, 40));
      text.remove_prefix(digits);
      const auto letters = std::min(text.find_first_of("0123456789"), text.size());
      const auto unit = letters == 0 ? std::string_view("s") : text.substr(0, letters);
      const auto* known =
          std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& each) { return each.first == unit; });
      if (known == kUnits.end()) return unclear(printable(unit, 40) + " is no unit of time");
      out = std::min(kFar, out + std::chrono::milliseconds(*number * known->second));
      text.remove_prefix(letters);
    }
    return Duration(out);
  }

  Status skip_labels() {
    const auto end = text_.find(')', at_);
    if (end == std::string_view::npos) return unclear("a parenthesis is not closed");
    at_ = end + 1;
    return {};
  }

  Status skip_string() {
    const char quote = text_[at_++];
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return {};
      }
      if (text_[at_] == '\\' && quote != '`') ++at_;
    }
    return unclear("a text is not closed");
  }

  /// Also hexadecimal ones, 1e3, and durations.
  void skip_number() {
    while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.'))
      ++at_;
  }

  void skip_space() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  PromqlReads out_;
  Duration ranges_{}, offset_{};
};

}  // namespace

Result<PromqlReads> promql_reads(std::string_view expression) {
  return Reader(expression).read();
}

}  // namespace heal::playbook
