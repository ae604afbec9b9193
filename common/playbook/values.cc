#include "common/playbook/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "common/base/check.h"
#include "common/base/redact.h"
#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/model/target.h"

namespace heal::playbook {
namespace {

constexpr std::array<std::pair<ValueType, std::string_view>, 9> kTypeNames{
    {{ValueType::kString, "string"},
     {ValueType::kInteger, "integer"},
     {ValueType::kNumber, "number"},
     {ValueType::kBoolean, "boolean"},
     {ValueType::kDuration, "duration"},
     {ValueType::kHostPort, "host_port"},
     {ValueType::kUrl, "url"},
     {ValueType::kTarget, "target"},
     {ValueType::kContainerName, "container_name"}}};

std::string shown_value(std::string_view text) {
  return fmt::format("\"{}\"", printable(text, 80));
}

Error unfit(std::string_view text, std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "{} is not {}", shown_value(text), expected);
}

/// Docker's own rule for names, less "..".
bool is_container_name(std::string_view name) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 255 && is_alnum(name[0]) && name.find("..") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Result<std::string> check_string(const TypeSpec& spec, std::string_view text) {
  const bool is_plain = is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
                          return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                        });
  if (!is_plain) return unfit(text, "a text without control characters");
  if (text.size() > spec.max_length)
    return make_error(ErrorCode::kInvalid, "{} is {} bytes long (at most {} are allowed)", shown_value(text),
                      text.size(), spec.max_length);
  const bool is_word = spec.words.empty() || std::find(spec.words.begin(), spec.words.end(), text) != spec.words.end();
  if (!is_word) return unfit(text, fmt::format("one of {}", fmt::join(spec.words, ", ")));
  if (spec.pattern && !spec.pattern->full_match(text))
    return make_error(ErrorCode::kInvalid, "{} does not match the pattern \"{}\"", shown_value(text),
                      spec.pattern->pattern());
  return std::string(text);
}

Result<std::string> check_integer(const TypeSpec& spec, std::string_view text) {
  const auto number = parse_int(text);
  if (!number || std::to_string(*number) != text) return unfit(text, "a whole number");
  if (spec.least && *number < *spec.least)
    return make_error(ErrorCode::kInvalid, "{} is less than {}", *number, *spec.least);
  if (spec.most && *number > *spec.most)
    return make_error(ErrorCode::kInvalid, "{} is more than {}", *number, *spec.most);
  return std::string(text);
}

Result<std::string> check_number(const TypeSpec& spec, std::string_view text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
    return unfit(text, "a number");
  if (spec.number_least && number < *spec.number_least)
    return make_error(ErrorCode::kInvalid, "{} is less than {}", number, *spec.number_least);
  if (spec.number_most && number > *spec.number_most)
    return make_error(ErrorCode::kInvalid, "{} is more than {}", number, *spec.number_most);
  return fmt::format("{}", number);
}

template <typename T>
const T& argument(const std::map<std::string, ArgumentValue, std::less<>>& values, std::string_view name) {
  const auto found = values.find(name);
  HEAL_CHECK(found != values.end(), std::string(name).c_str());
  const T* value = std::get_if<T>(&found->second);
  HEAL_CHECK(value != nullptr, std::string(name).c_str());
  return *value;
}

}  // namespace

std::string_view to_string(ValueType type) {
  for (const auto& [known, name] : kTypeNames) {
    if (known == type) return name;
  }
  return "string";
}

std::optional<ValueType> parse_value_type(std::string_view word) {
  for (const auto& [type, name] : kTypeNames) {
    if (name == word) return type;
  }
  return std::nullopt;
}

std::vector<std::string> value_type_names() {
  std::vector<std::string> out;
  for (const auto& [type, name] : kTypeNames)
    out.emplace_back(name);
  return out;
}

Result<std::string> check_value(const TypeSpec& spec, std::string_view text) {
  switch (spec.type) {
    case ValueType::kString:
      return check_string(spec, text);
    case ValueType::kInteger:
      return check_integer(spec, text);
    case ValueType::kNumber:
      return check_number(spec, text);
    case ValueType::kBoolean:
      if (text == "true" || text == "false") return std::string(text);
      return unfit(text, "true or false");
    case ValueType::kDuration: {
      const auto duration = parse_duration(text);
      if (!duration) return unfit(text, "a duration like 30s or 1h30m");
      return format_duration(*duration);
    }
    case ValueType::kHostPort:
      if (config::is_host_port(text)) return std::string(text);
      return unfit(text, "host:port or [v6]:port");
    case ValueType::kUrl:
      if (const auto problem = config::http_url_problem(text))
        return make_error(ErrorCode::kInvalid, "{} is not a URL that can be used: {}", shown_value(redact_line(text)),
                          *problem);
      return std::string(text);
    case ValueType::kTarget: {
      HEAL_TRY(const auto target, TargetId::parse(text));
      return target.str();
    }
    case ValueType::kContainerName:
      if (is_container_name(text)) return std::string(text);
      return unfit(text, "a container's name");
  }
  return Error(ErrorCode::kInternal, "unknown type");
}

Result<Params> bind_params(const std::vector<ParamSpec>& specs, const Params& given) {
  Params out;
  std::vector<std::string> names;
  for (const auto& spec : specs) {
    names.push_back(spec.name);
    const auto found = given.find(spec.name);
    if (found != given.end()) {
      HEAL_TRY(out[spec.name], check_value(spec.type, found->second).with_context("param {}", spec.name));
    } else if (spec.default_value) {
      out[spec.name] = *spec.default_value;
    } else {
      return make_error(ErrorCode::kInvalid, "param {}: is not given and has no default", spec.name);
    }
  }
  for (const auto& [name, value] : given) {
    if (out.find(name) != out.end()) continue;
    const auto hint = config::suggestion(name, names);
    return make_error(ErrorCode::kInvalid, "param {}: the playbook has none of this name{}", printable(name, 60),
                      hint.empty() ? "" : fmt::format(" ({})", hint));
  }
  return out;
}

const std::string& Arguments::text(std::string_view name) const {
  return argument<std::string>(values_, name);
}
std::int64_t Arguments::integer(std::string_view name) const {
  return argument<std::int64_t>(values_, name);
}
double Arguments::number(std::string_view name) const {
  return argument<double>(values_, name);
}
bool Arguments::flag(std::string_view name) const {
  return argument<bool>(values_, name);
}
Duration Arguments::duration(std::string_view name) const {
  return argument<Duration>(values_, name);
}
const std::vector<std::string>& Arguments::texts(std::string_view name) const {
  return argument<std::vector<std::string>>(values_, name);
}
const std::vector<std::int64_t>& Arguments::integers(std::string_view name) const {
  return argument<std::vector<std::int64_t>>(values_, name);
}
const std::map<std::string, std::string>& Arguments::text_map(std::string_view name) const {
  return argument<std::map<std::string, std::string>>(values_, name);
}

Result<std::int64_t> parse_size(std::string_view text) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_int(text.substr(0, end));
  const std::string unit = to_lower(text.substr(end));
  const int shift = unit.empty()                   ? 0
                    : unit == "k" || unit == "kib" ? 10
                    : unit == "m" || unit == "mib" ? 20
                    : unit == "g" || unit == "gib" ? 30
                                                   : -1;
  const bool is_size = number && shift >= 0 && *number <= (std::numeric_limits<std::int64_t>::max() >> shift);
  if (!is_size) return make_error(ErrorCode::kInvalid, "\"{}\" is not a size such as 500MiB", printable(text, 60));
  return *number << shift;
}

}  // namespace heal::playbook
