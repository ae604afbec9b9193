#include "healctl/output/text.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::ctl {
namespace {

using Range = std::pair<char32_t, char32_t>;

/// The first character of well-formed UTF-8 and its length in bytes.
std::pair<char32_t, std::size_t> first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 1 || length > text.size()) return {lead, 1};
  char32_t character = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    character = (character << 6U) | (byte(i) & 0x3FU);
  return {character, length};
}

template <std::size_t N>
bool in_any(char32_t character, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return character >= range.first && character <= range.second; });
}

// What a terminal may act on or that turns the reading order round: C1, zero width, bidi marks and isolates, BOM.
constexpr std::array<Range, 6> kUnsafe{
    {{0x7F, 0x9F}, {0x061C, 0x061C}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}}};
// The common blocks of combining marks, and of East Asian Wide characters and emoji (Unicode UAX 11).
constexpr std::array<Range, 6> kCombining{
    {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}}};
constexpr std::array<Range, 9> kWide{{{0x1100, 0x115F},
                                      {0x2E80, 0x303E},
                                      {0x3041, 0xA4CF},
                                      {0xAC00, 0xD7A3},
                                      {0xF900, 0xFAFF},
                                      {0xFE30, 0xFE6F},
                                      {0xFF00, 0xFF60},
                                      {0x1F300, 0x1FAFF},
                                      {0x20000, 0x3FFFD}}};

std::size_t width_of(char32_t character) {
  if (in_any(character, kCombining)) return 0;
  return in_any(character, kWide) ? 2 : 1;
}

}  // namespace

std::string safe_text(std::string_view text) {
  // A quarter of a million characters of one value are more than anybody reads, and bound what a hostile server costs.
  const std::string once = printable(text, 262'144);
  std::string out;
  for (std::string_view rest = once; !rest.empty();) {
    const auto [character, length] = first_character(rest);
    if (in_any(character, kUnsafe)) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character));
    } else {
      out += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return out;
}

std::string safe_lines(std::string_view text) {
  while (text.ends_with('\n'))
    text.remove_suffix(1);
  std::string out;
  if (text.empty()) return out;
  for (const auto line : split(text, '\n'))
    out += safe_text(line) + "\n";
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto [character, length] = first_character(text);
    width += width_of(character);
    text.remove_prefix(length);
  }
  return width;
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const auto [character, length] = first_character(text);
    if (used + width_of(character) > width - 1) break;
    used += width_of(character);
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out + "…";
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines{""};
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    auto& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (display_width(line) + 1 + display_width(word) <= width) {
      line += ' ';
      line += word;
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

}  // namespace heal::ctl
