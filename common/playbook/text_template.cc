#include "common/playbook/text_template.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::playbook {
namespace {

bool is_path(std::string_view path) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_good = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/';
  };
  return !path.empty() && path.size() <= 256 && is_letter(path[0]) && path.back() != '.' &&
         path.find("..") == std::string_view::npos && std::all_of(path.begin(), path.end(), is_good);
}

/// C0, DEL, C1 and the marks that turn the direction of text, by which a value could look like another.
bool has_control(std::string_view value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (c < 0x20 || c == 0x7f) return true;
    if (c == 0xC2 && i + 1 < value.size() && static_cast<unsigned char>(value[i + 1]) < 0xA0) return true;
    if (c != 0xE2 || i + 2 >= value.size()) continue;
    const auto second = static_cast<unsigned char>(value[i + 1]);
    const auto third = static_cast<unsigned char>(value[i + 2]);
    const bool turns = (second == 0x80 && ((third >= 0xAA && third <= 0xAE) || third == 0x8E || third == 0x8F)) ||
                       (second == 0x81 && third >= 0xA6 && third <= 0xA9);
    if (turns) return true;
  }
  return false;
}

Status check_text(const std::string& path, const std::string& value) {
  if (value.size() > kMaxValueBytes)
    return make_error(ErrorCode::kTooLarge, "{} is {} bytes long (at most {} are allowed)", path, value.size(),
                      kMaxValueBytes);
  if (!is_utf8(value)) return make_error(ErrorCode::kInvalid, "{} is not UTF-8 text", path);
  if (has_control(value))
    return make_error(ErrorCode::kInvalid, "{} holds a control character: \"{}\"", path, printable(value, 60));
  return {};
}

}  // namespace

Result<Template> Template::parse(std::string_view text) {
  Template out;
  out.text_ = text;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto open = text.find("{{", at);
    if (open == std::string_view::npos || open > at)
      out.parts_.push_back({std::string(text.substr(at, open - at)), false, at});
    if (open == std::string_view::npos) break;
    const auto close = text.find("}}", open + 2);
    if (close == std::string_view::npos)
      return make_error(ErrorCode::kInvalid, "\"{{{{\" at character {} is never closed with \"}}}}\"", open + 1);
    const auto path = trim(text.substr(open + 2, close - open - 2));
    if (!is_path(path))
      return make_error(ErrorCode::kInvalid,
                        "\"{}\" is not a path like labels.instance (templates have no logic, only {{{{ path }}}})",
                        printable(path, 60));
    const auto offset = static_cast<std::size_t>(path.data() - text.data());
    out.parts_.push_back({std::string(path), true, offset});
    at = close + 2;
  }
  return out;
}

Template Template::literal(std::string text) {
  Template out;
  out.text_ = text;
  if (!text.empty()) out.parts_.push_back({std::move(text), false, 0});
  return out;
}

Result<std::string> Template::expand(const Scope& scope, const Filter& filter) const {
  std::string out;
  for (const auto& part : parts_) {
    if (!part.is_path) {
      out += part.text;
      continue;
    }
    const auto found = scope.find(part.text);
    if (found == scope.end()) return make_error(ErrorCode::kNotFound, "{} has no value", part.text);
    HEAL_TRY_STATUS(check_text(part.text, found->second));
    if (!filter) {
      out += found->second;
      continue;
    }
    HEAL_TRY(const std::string value, filter(out, found->second).with_context("{}", part.text));
    out += value;
  }
  if (!is_literal() && out.size() > kMaxValueBytes)
    return make_error(ErrorCode::kTooLarge, "\"{}\" becomes {} bytes long (at most {} are allowed)",
                      printable(text_, 60), out.size(), kMaxValueBytes);
  return out;
}

bool Template::is_literal() const {
  return std::none_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.is_path; });
}

std::string_view Template::leading_literal() const {
  return parts_.empty() || parts_[0].is_path ? std::string_view() : std::string_view(parts_[0].text);
}

std::vector<Template::Reference> Template::references() const {
  std::vector<Reference> out;
  for (const auto& part : parts_) {
    if (part.is_path) out.push_back({part.text, part.offset});
  }
  return out;
}

}  // namespace heal::playbook
