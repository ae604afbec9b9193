#include "healctl/command/arguments.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/target.h"
#include "healctl/settings.h"

namespace heal::ctl {

std::string asker(const Context& context) {
  if (context.settings().username) return *context.settings().username;
  const auto user = context.environment().find("USER");
  return user == context.environment().end() || user->second.empty() ? "healctl" : user->second;
}

Setter into_pairs(std::map<std::string, std::string>& target) {
  return [&target](const std::string& text) -> Status {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return make_error(ErrorCode::kInvalid, "expected NAME=VALUE, got \"{}\"", printable(text));
    }
    const auto name = text.substr(0, equals);
    if (!target.emplace(name, text.substr(equals + 1)).second) {
      return make_error(ErrorCode::kInvalid, "\"{}\" was given twice", printable(name));
    }
    return {};
  };
}

Setter into_target(std::string& target) {
  return [&target](const std::string& text) -> Status {
    HEAL_TRY(const auto id, TargetId::parse(text));
    target = id.str();
    return {};
  };
}

Setter into_url(std::string& url) {
  return [&url](const std::string& text) -> Status {
    HEAL_TRY(url, base_url(text));
    return {};
  };
}

}  // namespace heal::ctl
