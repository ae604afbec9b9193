#include "common/base/redact.h"

#include <algorithm>
#include <array>

namespace heal {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// One `*` per character, as an editor counts them.
void cover(std::string& line, std::size_t from, std::size_t to) {
  std::string stars;
  for (std::size_t i = from; i < to; ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80) stars += '*';
  }
  line.replace(from, to - from, stars);
}

void cover_userinfo(std::string& line) {
  for (std::size_t at = line.find("://"); at != std::string::npos; at = line.find("://", at + 3)) {
    const std::size_t start = at + 3;
    const std::size_t end = std::min(line.find_first_of(" \t\"'", start), line.size());
    const std::size_t last = line.substr(start, end - start).rfind('@');
    if (last != std::string::npos) cover(line, start, start + last);
  }
}

/// Where the value ends that begins at `start`.
std::size_t value_end(const std::string& line, std::size_t start) {
  if (start < line.size() && (line[start] == '"' || line[start] == '\'')) {
    const char quote = line[start];
    for (std::size_t i = start + 1; i < line.size(); ++i) {
      if (line[i] == quote) return i + 1;
      if (line[i] == '\\' && quote == '"') ++i;
    }
    return line.size();
  }
  if (start < line.size() && line[start] == '[') return std::min(line.find(']', start), line.size());
  const bool is_in_braces = line.find('{') < start;
  return is_in_braces ? std::min(line.find_first_of(",}", start), line.size()) : line.size();
}

void cover_values(std::string& line) {
  for (std::size_t colon = line.find(':'); colon != std::string::npos; colon = line.find(':', colon + 1)) {
    std::size_t end = colon;
    if (end > 0 && (line[end - 1] == '"' || line[end - 1] == '\'')) --end;
    std::size_t start = end;
    while (start > 0 && is_name_character(line[start - 1]))
      --start;
    if (!is_secret_name(std::string_view(line).substr(start, end - start))) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    if (value == std::string::npos || line[value] == '{') continue;
    cover(line, value, value_end(line, value));
  }
}

/// A private key in one line, or a line of one that stands over many: PEM has 64 characters of base64 in each.
void cover_key(std::string& line) {
  constexpr std::size_t kKeyLine = 60;
  const std::size_t begin = line.find("-----BEGIN");
  if (begin != std::string::npos && line.find("PRIVATE KEY") != std::string::npos) cover(line, begin, line.size());
  const auto is_base64 = [](char c) { return is_name_character(c) || c == '+' || c == '/' || c == '='; };
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos || line.size() - first < kKeyLine) return;
  if (std::all_of(line.begin() + static_cast<std::ptrdiff_t>(first), line.end(), is_base64)) {
    cover(line, first, line.size());
  }
}

}  // namespace

bool is_secret_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c != '-' && c != '_') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  constexpr std::string_view kFile = "file";
  if (plain.size() > kFile.size() && plain.substr(plain.size() - kFile.size()) == kFile) return false;
  constexpr std::array<std::string_view, 10> kMarks{"authorization", "cookie",     "password", "passwd",  "secret",
                                                    "token",         "credential", "apikey",   "authkey", "accesskey"};
  if (plain.ends_with("pass")) return true;
  return std::any_of(kMarks.begin(), kMarks.end(),
                     [&](std::string_view mark) { return plain.find(mark) != std::string::npos; });
}

std::string redact_line(std::string_view line) {
  std::string out(line);
  cover_userinfo(out);
  cover_values(out);
  cover_key(out);
  return out;
}

}  // namespace heal
