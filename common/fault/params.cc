#include "common/fault/params.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/time.h"

namespace heal::fault {
namespace {

using Type = ParamSpec::Type;

std::string size_text(std::int64_t bytes) {
  constexpr std::int64_t kMiB = 1 << 20;
  constexpr std::int64_t kGiB = 1 << 30;
  if (bytes % kGiB == 0) return fmt::format("{}GiB", bytes / kGiB);
  return bytes % kMiB == 0 ? fmt::format("{}MiB", bytes / kMiB) : fmt::format("{}KiB", bytes / 1024);
}

std::string duration_text(std::int64_t milliseconds) {
  return format_duration(std::chrono::milliseconds(milliseconds));
}

/// `512`, `64KiB`, `10MiB`, `1GiB`.
std::optional<std::int64_t> size_in(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> kUnits{
      {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};
  std::int64_t unit = 1;
  for (const auto& [suffix, bytes] : kUnits) {
    if (!text.ends_with(suffix)) continue;
    text.remove_suffix(suffix.size());
    unit = bytes;
    break;
  }
  const auto number = parse_int(text);
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (!number || *number < 0 || *number > kMost * (kMost / unit)) return std::nullopt;
  return *number * unit;
}

std::optional<std::int64_t> number_in(const ParamSpec& spec, const std::string& text) {
  if (spec.type == Type::kWhole) return parse_int(text);
  if (spec.type == Type::kSize) return size_in(text);
  const auto duration = parse_duration(text);
  if (!duration) return std::nullopt;
  return std::chrono::floor<std::chrono::milliseconds>(*duration).count();
}

/// The value as it is kept; nullopt when it is none.
std::optional<std::string> read_value(const ParamSpec& spec, const std::string& text) {
  if (spec.type == Type::kText) return text.empty() || text.size() > 512 ? std::nullopt : std::optional(text);
  if (spec.type == Type::kWord) {
    const bool is_known = std::find(spec.words.begin(), spec.words.end(), text) != spec.words.end();
    return is_known ? std::optional(text) : std::nullopt;
  }
  const auto number = number_in(spec, text);
  if (!number || *number < spec.least || *number > spec.most) return std::nullopt;
  return std::to_string(*number);
}

std::string names_of(const std::vector<ParamSpec>& specs) {
  std::vector<std::string_view> names;
  for (const ParamSpec& spec : specs)
    names.push_back(spec.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Status check_names(std::string_view kind, const std::vector<ParamSpec>& specs, const Params& given) {
  for (const auto& [name, value] : given) {
    const auto is_it = [&name = name](const ParamSpec& spec) { return spec.name == name; };
    if (std::any_of(specs.begin(), specs.end(), is_it)) continue;
    if (specs.empty())
      return make_error(ErrorCode::kInvalid, "fault {} takes no parameters, not \"{}\"", kind, printable(name));
    return make_error(ErrorCode::kInvalid, "fault {} has no parameter \"{}\", expected one of {}", kind,
                      printable(name), names_of(specs));
  }
  return {};
}

}  // namespace

std::string ParamSpec::expected() const {
  switch (type) {
    case Type::kWhole:
      return fmt::format("a whole number from {} to {}", least, most);
    case Type::kSize:
      return fmt::format("a size from {} to {}, as 64MiB", size_text(least), size_text(most));
    case Type::kDuration:
      return fmt::format("a duration from {} to {}", duration_text(least), duration_text(most));
    case Type::kWord:
      return fmt::format("one of {}", fmt::join(words, ", "));
    case Type::kText:
      break;
  }
  return "a text";
}

Result<Params> read_params(std::string_view kind, const std::vector<ParamSpec>& specs, const Params& given) {
  HEAL_TRY_STATUS(check_names(kind, specs, given));
  Params out;
  for (const ParamSpec& spec : specs) {
    const std::string name(spec.name);
    const auto found = given.find(name);
    if (found == given.end() && spec.is_required)
      return make_error(ErrorCode::kInvalid, "fault {} needs \"{}\": {}", kind, name, spec.help);
    if (found == given.end() && spec.fallback.empty()) continue;
    const std::string text = found == given.end() ? std::string(spec.fallback) : found->second;
    auto value = read_value(spec, text);
    if (!value) {
      return make_error(ErrorCode::kInvalid, "fault {}: {}: expected {}, not \"{}\"", kind, name, spec.expected(),
                        printable(text));
    }
    out.emplace(name, std::move(*value));
  }
  return out;
}

std::int64_t number_of(const Params& params, std::string_view name) {
  return parse_int(text_of(params, name)).value_or(0);
}

std::string text_of(const Params& params, std::string_view name) {
  const auto found = params.find(std::string(name));
  return found == params.end() ? std::string() : found->second;
}

}  // namespace heal::fault
