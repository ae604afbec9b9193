#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace heal::test {

// DNS messages by hand, for servers of tests.

inline std::string dns_word(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}

/// "\x03www\x07example\x00" of "www.example"; labels are taken as they are.
inline std::string dns_labels(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out.append(1, static_cast<char>(label.size())).append(label);
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

/// Bytes of pairs of hex digits; anything else is skipped.
inline std::string from_hex(std::string_view digits) {
  std::string out, pair;
  for (const char c : digits) {
    if (std::string_view("0123456789abcdefABCDEF").find(c) == std::string_view::npos) continue;
    pair += c;
    if (pair.size() < 2) continue;
    out += static_cast<char>(std::stoi(pair, nullptr, 16));
    pair.clear();
  }
  return out;
}

/// A record of `name` with TTL 300.
inline std::string dns_record(std::string_view name, unsigned type, std::string_view data, unsigned dns_class = 1) {
  return dns_labels(name) + dns_word(type) + dns_word(dns_class) + dns_word(0) + dns_word(300) +
         dns_word(static_cast<unsigned>(data.size())) + std::string(data);
}

/// The sections of an answer, each as records one behind the other.
struct DnsSections {
  unsigned rcode = 0;
  unsigned answers = 0, authorities = 0, additionals = 0;
  std::string records{};
  unsigned flags = 0x8180;  ///< a response, recursion desired and available
};

/// An answer to `query`: its id and question, and these sections.
inline std::string dns_answer(std::string_view query, const DnsSections& sections) {
  std::string out(query.substr(0, 2));
  for (const unsigned word :
       {sections.flags | sections.rcode, 1U, sections.answers, sections.authorities, sections.additionals}) {
    out += dns_word(word);
  }
  const std::size_t question_end = query.find('\0', 12) + 5;
  return out.append(query.substr(12, question_end - 12)).append(sections.records);
}

}  // namespace heal::test
