#include "healctl/output/document.h"

#include <algorithm>
#include <string_view>

#include "common/wire/json.h"

namespace heal::ctl {
namespace {

/// Words of letters, digits and `_ . - / :` inside that neither version of YAML takes for a number, a time, a boolean
/// or null. Everything else is quoted as JSON does it, which is also YAML.
bool is_plain(std::string_view text) {
  static constexpr std::string_view kReserved[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  if (text.empty() || text.size() > 128) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text.front())) return false;
  const bool simple = std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
  });
  if (!simple) return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::find(std::begin(kReserved), std::end(kReserved), lower) == std::end(kReserved);
}

std::string scalar(const Json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) return value.get<std::string>();
  return dump(value);
}

void write(const Json& value, std::size_t indent, std::string& out);

/// What follows "key:" or "-".
void write_nested(const Json& value, std::size_t indent, std::string& out) {
  if (!value.is_structured() || value.empty()) {
    out += " " + scalar(value) + "\n";
    return;
  }
  out += "\n";
  write(value, indent, out);
}

void write(const Json& value, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) {
      out += margin + scalar(Json(key)) + ":";
      write_nested(member, indent + 2, out);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const auto& item : value) {
      out += margin + "-";
      if (item.is_structured() && !item.empty()) {
        std::string nested;
        write(item, indent + 2, nested);
        out += " " + nested.substr(indent + 2);
      } else {
        out += " " + scalar(item) + "\n";
      }
    }
  } else {
    out += margin + scalar(value) + "\n";
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  write(value, 0, out);
  return out;
}

}  // namespace heal::ctl
