#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace heal::fault {

/// What a fault is told, by name.
using Params = std::map<std::string, std::string>;

/// One thing that a kind of fault can be told.
struct ParamSpec {
  enum class Type {
    kWhole,     ///< a whole number from `least` to `most`
    kSize,      ///< bytes, `64MiB`; from `least` to `most`
    kDuration,  ///< milliseconds from `least` to `most`
    kWord,      ///< one of `words`
    kText,      ///< anything
  };
  std::string_view name, help;
  Type type = Type::kText;
  std::string_view fallback = {};  ///< "": may be left out, unless is_required
  std::int64_t least = 0, most = 0;
  std::vector<std::string_view> words = {};
  bool is_required = false;

  /// `a whole number from 1 to 100`, with "expected" or in a help text.
  std::string expected() const;
};

/// The parameters of fault `kind`, complete and checked: sizes as bytes, durations as milliseconds, what was left out
/// with its default. kInvalid, naming fault and parameter, for anything else.
Result<Params> read_params(std::string_view kind, const std::vector<ParamSpec>& specs, const Params& given);

/// A number that read_params() has checked; 0 when it was left out.
std::int64_t number_of(const Params& params, std::string_view name);
/// A text likewise; "".
std::string text_of(const Params& params, std::string_view name);

}  // namespace heal::fault
