#include "common/probe/yaml_writer.h"

#include <algorithm>
#include <cctype>

#include "common/probe/module_config.h"

namespace heal::probe {
namespace {

bool is_plain_safe(std::string_view text) {
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text.front())) == 0) return false;
  for (const char* word : {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (std::equal(text.begin(), text.end(), word, word + std::char_traits<char>::length(word),
                   [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; })) {
      return false;
    }
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string yaml_scalar(std::string_view text) {
  if (is_plain_safe(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

void YamlWriter::scalar(std::string_view key, std::string_view value) {
  raw(key, yaml_scalar(value));
}

void YamlWriter::text(std::string_view key, std::string_view value) {
  if (!value.empty()) scalar(key, value);
}

void YamlWriter::raw(std::string_view key, std::string_view value) {
  line(fmt::format("{}: {}", key, value));
}

void YamlWriter::secret(std::string_view key, const config::Secret& secret) {
  if (!secret.value.empty()) raw(key, "<secret>");
  if (!secret.file.empty()) scalar(fmt::format("{}_file", key), secret.file);
}

void YamlWriter::open(std::string_view key) {
  line(fmt::format("{}:", key));
  indent_ += 2;
}

void YamlWriter::element(std::string_view value) {
  line(fmt::format("- {}", yaml_scalar(value)));
}

void YamlWriter::line(const std::string& content) {
  const int lead = dash_ ? indent_ - 2 : indent_;
  out_.append(static_cast<std::size_t>(lead), ' ').append(dash_ ? "- " : "").append(content).append("\n");
  dash_ = false;
}

}  // namespace heal::probe
