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

/// Behind the quoted text that begins at `start`; the line's end when it is not closed.
std::size_t quoted_end(const std::string& line, std::size_t start) {
  const char quote = line[start];
  for (std::size_t i = start + 1; i < line.size(); ++i) {
    if (line[i] == '\\' && quote == '"') {
      ++i;
    } else if (line[i] == quote) {
      const bool is_doubled = quote == '\'' && i + 1 < line.size() && line[i + 1] == quote;
      if (!is_doubled) return i + 1;
      ++i;
    }
  }
  return line.size();
}

/// The bracket that closes the list or map that begins at `start`; the line's end when none does.
std::size_t closing_bracket(const std::string& line, std::size_t start) {
  int depth = 0;
  bool is_item_next = false;
  for (std::size_t i = start; i < line.size(); ++i) {
    const char c = line[i];
    if (is_item_next && (c == '"' || c == '\'')) {
      i = quoted_end(line, i) - 1;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return i;
    }
    if (c != ' ' && c != '\t') is_item_next = c == '[' || c == '{' || c == ',' || c == ':';
  }
  return line.size();
}

/// `end`, where a value may end there; else it is not well-formed, and nobody can tell what belongs to it.
std::size_t end_or_all(const std::string& line, std::size_t end) {
  const std::size_t next = std::min(line.find_first_not_of(" \t", end), line.size());
  const bool is_end = next == line.size() || std::string_view(",]}#").find(line[next]) != std::string_view::npos;
  return is_end ? end : line.size();
}

/// Where the value ends that begins at `start`.
std::size_t value_end(const std::string& line, std::size_t start) {
  // Tags and anchors stand before it.
  std::size_t at = start;
  while (at < line.size() && (line[at] == '!' || line[at] == '&'))
    at = std::min(line.find_first_not_of(" \t", std::min(line.find_first_of(" \t", at), line.size())), line.size());
  if (at < line.size() && (line[at] == '"' || line[at] == '\'')) return end_or_all(line, quoted_end(line, at));
  if (at < line.size() && (line[at] == '[' || line[at] == '{')) {
    const std::size_t bracket = closing_bracket(line, at);
    return bracket == line.size() || end_or_all(line, bracket + 1) == line.size() ? line.size() : bracket;
  }
  const bool is_in_braces = line.find('{') < start;
  return is_in_braces ? std::min(line.find_first_of(",}", at), line.size()) : line.size();
}

/// The word before `colon`, which may stand in quotes.
std::string_view key_before(std::string_view line, std::size_t colon) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  std::size_t end = colon;
  while (end > 0 && is_blank(line[end - 1]))
    --end;
  if (end > 0 && (line[end - 1] == '"' || line[end - 1] == '\'')) --end;
  std::size_t start = end;
  while (start > 0 && is_name_character(line[start - 1]))
    --start;
  return line.substr(start, end - start);
}

void cover_values(std::string& line) {
  for (std::size_t colon = line.find(':'); colon != std::string::npos; colon = line.find(':', colon + 1)) {
    const std::string_view key = key_before(line, colon);
    if (!is_secret_key(key)) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    if (value == std::string::npos) continue;
    // The section `authorization` has keys of its own that tell what is secret in it.
    if (line[value] == '{' && key == "authorization") continue;
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

bool is_secret_key(std::string_view key) {
  constexpr std::array<std::string_view, 5> kKeys{"key", "client_certificate_key", "proxy_connect_header", "proxy_url",
                                                  "token_url"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end() || is_secret_name(key);
}

std::string redact_line(std::string_view line) {
  std::string out(line);
  cover_userinfo(out);
  cover_values(out);
  cover_key(out);
  return out;
}

}  // namespace heal
