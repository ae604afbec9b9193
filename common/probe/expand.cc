#include "common/probe/expand.h"

#include <algorithm>
#include <cctype>

#include "common/base/text.h"

namespace heal::probe {
namespace {

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string group_named(std::string_view name, const std::vector<std::string>& groups,
                        const std::vector<std::string>& names) {
  const bool digits = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool is_number = digits && (name.size() == 1 || name.front() != '0');
  if (is_number) {
    const std::int64_t index = parse_int(name).value_or(-1);
    const bool known = index >= 0 && index < static_cast<std::int64_t>(groups.size());
    return known ? groups[static_cast<std::size_t>(index)] : "";
  }
  for (std::size_t i = 1; i < names.size() && i < groups.size(); ++i) {
    if (names[i] == name && !groups[i].empty()) return groups[i];
  }
  return "";
}

/// The name after a dollar and how many characters it takes; 0: none.
std::pair<std::string_view, std::size_t> name_at(std::string_view text) {
  const bool braces = text.starts_with('{');
  const std::size_t begin = braces ? 1 : 0;
  std::size_t end = begin;
  while (end < text.size() && is_name_char(text[end]))
    ++end;
  if (end == begin) return {{}, 0};
  if (!braces) return {text.substr(0, end), end};
  if (end == text.size() || text[end] != '}') return {{}, 0};
  return {text.substr(1, end - 1), end + 1};
}

}  // namespace

std::string expand_groups(std::string_view text, const std::vector<std::string>& groups,
                          const std::vector<std::string>& names) {
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const auto [name, length] = name_at(text);
    if (length == 0) {
      out += '$';
      continue;
    }
    out += group_named(name, groups, names);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace heal::probe
