#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal {

/// What a heal acts on: `container/<engine>/<name>`, `process/<name>`, `unit/<name>` or `service/<name>`.
struct TargetId {
  std::string kind;    ///< container, process, unit or service
  std::string engine;  ///< the engine's name in heal.yml; containers only
  std::string name;    ///< letters, digits, `_ . - @ :` (no container: `@ :`), first a letter or digit; 255 bytes

  /// kInvalid for an unknown kind, a wrong number of parts, or a name with anything else in it (no "..", no leading
  /// dash), so that a target can never be mistaken for a path or an option.
  static Result<TargetId> parse(std::string_view text);
  std::string str() const;

  auto operator<=>(const TargetId&) const = default;
};

}  // namespace heal
