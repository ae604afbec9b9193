#include "common/probe/go_scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace heal::probe {
namespace {

using config::Value;

bool is_plain(const Value& value) {
  return value.is_scalar() && !value.node().is_quoted;
}

template <typename T>
std::optional<T> whole(std::string_view text, int base) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The base that a number's prefix says, and the digits behind it.
std::pair<int, std::string_view> base_of(std::string_view digits) {
  constexpr std::array<std::pair<std::string_view, int>, 6> kPrefixes{
      {{"0x", 16}, {"0X", 16}, {"0b", 2}, {"0B", 2}, {"0o", 8}, {"0O", 8}}};
  for (const auto& [prefix, base] : kPrefixes) {
    if (digits.starts_with(prefix)) return {base, digits.substr(prefix.size())};
  }
  const bool is_octal =
      digits.size() > 1 && digits.front() == '0' && digits.find_first_not_of("01234567") == std::string_view::npos;
  return {is_octal ? 8 : 10, digits};
}

std::optional<double> fraction(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<std::int64_t> parse_go_int(std::string text) {
  std::erase(text, '_');
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.front() == '-' || digits.front() == '+') return std::nullopt;
  const auto [base, rest] = base_of(digits);
  std::optional<std::int64_t> number = whole<std::int64_t>(rest, base);
  if (!number && base == 10) {
    const std::optional<double> real = fraction(digits);
    if (real && std::trunc(*real) == *real && std::abs(*real) < 1e15) number = static_cast<std::int64_t>(*real);
  }
  if (number && negative) number = -*number;
  return number;
}

/// The bytes of a unit at the beginning of `text`, which is taken off.
std::optional<double> take_unit(std::string_view& text) {
  constexpr std::string_view kLetters = "KMGTPE";
  const std::size_t power = text.empty() ? std::string_view::npos : kLetters.find(text.front());
  if (power == std::string_view::npos) {
    if (!text.starts_with('B')) return std::nullopt;
    text.remove_prefix(1);
    return 1;
  }
  text.remove_prefix(1);
  if (text.starts_with('i')) text.remove_prefix(1);
  if (!text.starts_with('B')) return std::nullopt;
  text.remove_prefix(1);
  return std::pow(1024.0, static_cast<double>(power + 1));
}

std::optional<std::uint64_t> parse_base2_bytes(std::string_view text) {
  if (text == "0") return 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::optional<double> number = length == 0 ? std::nullopt : fraction(text.substr(0, length));
    text.remove_prefix(length);
    const std::optional<double> unit = take_unit(text);
    if (!number || !unit) return std::nullopt;
    sum += *number * *unit;
  }
  if (sum >= 9.2e18) return std::nullopt;
  return static_cast<std::uint64_t>(sum);
}

template <std::size_t kCount>
bool is_one_of(std::string_view word, const std::array<std::string_view, kCount>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 3> kTrue{"true", "True", "TRUE"}, kFalse{"false", "False", "FALSE"};
constexpr std::array<std::string_view, 8> kYes{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"},
    kNo{"n", "N", "no", "No", "NO", "off", "Off", "OFF"};

}  // namespace

std::optional<int> as_go_int::operator()(const Value& value) const {
  const std::optional<std::int64_t> number = is_plain(value) ? parse_go_int(value.text()) : std::nullopt;
  if (number && *number >= least_ && *number <= most_) return static_cast<int>(*number);
  value.must_be(fmt::format("a whole number from {} to {}", least_, most_));
  return std::nullopt;
}

std::optional<bool> as_go_bool(const Value& value) {
  const std::string_view word = value.text();
  if (is_plain(value) && is_one_of(word, kTrue)) return true;
  if (is_plain(value) && is_one_of(word, kFalse)) return false;
  if (value.is_scalar() && is_one_of(word, kYes)) return true;
  if (value.is_scalar() && is_one_of(word, kNo)) return false;
  value.must_be("true or false");
  return std::nullopt;
}

std::optional<std::uint64_t> as_base2_bytes(const Value& value) {
  const std::optional<std::uint64_t> bytes = value.is_scalar() ? parse_base2_bytes(value.text()) : std::nullopt;
  if (!bytes) value.must_be("a size like 512B, 64KB or 10MB");
  return bytes;
}

std::optional<Duration> as_go_timeout(const Value& value) {
  if (is_plain(value) && value.text() == "0") {
    value.must_be("a duration like 1.5s or 1m30s");
    return std::nullopt;
  }
  return config::as_go_duration(value);
}

}  // namespace heal::probe
