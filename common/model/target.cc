#include "common/model/target.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace heal {
namespace {

bool is_name(std::string_view name) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 255 && is_alnum(name[0]) && name.find("..") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_alnum(c) || std::string_view("_.-@:").find(c) != std::string_view::npos;
         });
}

}  // namespace

Result<TargetId> TargetId::parse(std::string_view text) {
  const auto parts = split(text, '/');
  const bool is_container = parts[0] == "container";
  static constexpr std::array<std::string_view, 3> kPlainKinds{"process", "unit", "service"};
  const bool is_plain = std::find(kPlainKinds.begin(), kPlainKinds.end(), parts[0]) != kPlainKinds.end();
  const bool well_formed = ((is_container && parts.size() == 3) || (is_plain && parts.size() == 2)) &&
                           std::all_of(parts.begin() + 1, parts.end(), is_name);
  if (!well_formed) {
    return make_error(ErrorCode::kInvalid,
                      "\"{}\" is not a target (expected container/<engine>/<name>, process/<name>, unit/<name> or "
                      "service/<name>)",
                      printable(text));
  }
  TargetId target;
  target.kind = parts[0];
  if (is_container) target.engine = parts[1];
  target.name = parts.back();
  if (is_container && target.name.find_first_of("@:") != std::string::npos) {
    return make_error(ErrorCode::kInvalid,
                      "\"{}\" is not a target: \"{}\" cannot be a container's name (letters, digits and _ . - only)",
                      printable(text), printable(target.name));
  }
  return target;
}

std::string TargetId::str() const {
  return kind == "container" ? kind + "/" + engine + "/" + name : kind + "/" + name;
}

}  // namespace heal
