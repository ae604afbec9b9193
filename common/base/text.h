#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heal {

/// ASCII's ten alone, in any locale.
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text);
/// The parts of `text`, which must live as long as they do: a temporary std::string is refused.
std::vector<std::string_view> split(std::string_view text, char separator);
template <std::same_as<std::string> Temporary>
std::vector<std::string_view> split(Temporary&& text, char separator) = delete;
/// ASCII lower case.
std::string to_lower(std::string_view text);
/// A whole decimal number that fits, with an optional minus; nullopt for anything else (spaces, plus, empty).
std::optional<std::int64_t> parse_int(std::string_view text);
/// True when `text` is well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view text);
/// `text` with each byte that is not well-formed UTF-8 replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);
/// For messages: control characters as \n, \t or \xNN, cut to `limit` bytes (on a character) with "…".
std::string printable(std::string_view text, std::size_t limit = 120);

/// The candidate nearest to `word` when it is near enough to have been meant (at most a third of its length, and at
/// least one, in letters changed, added, left out, or swapped with their neighbour); nullopt otherwise. For "did you
/// mean".
std::optional<std::string> closest_match(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace heal
