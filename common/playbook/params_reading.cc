#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

std::optional<ValueType> as_value_type(const Value& value) {
  if (value.is_scalar()) {
    if (const auto type = parse_value_type(value.text())) return type;
  }
  config::report_unknown_word(value, value_type_names());
  return std::nullopt;
}

/// Keys that limit values, and the one type that each is for.
void read_limits(MapReader& map, TypeSpec& type) {
  switch (type.type) {
    case ValueType::kString: {
      std::int64_t length = static_cast<std::int64_t>(type.max_length);
      map.optional("pattern", type.pattern, config::as_regex);
      map.optional("max_length", length, config::as_integer(1, static_cast<std::int64_t>(kMaxValueBytes)));
      map.optional("enum", type.words, config::as_list(config::as_string));
      type.max_length = static_cast<std::size_t>(length);
      break;
    }
    case ValueType::kInteger:
      map.optional("min", type.least, config::as_integer());
      map.optional("max", type.most, config::as_integer());
      break;
    case ValueType::kNumber:
      map.optional("min", type.number_least, config::as_number());
      map.optional("max", type.number_most, config::as_number());
      break;
    default:
      break;
  }
}

ParamSpec read_param(std::string name, const Value& value) {
  ParamSpec out;
  out.name = std::move(name);
  MapReader map(value, fmt::format("param \"{}\"", out.name));
  const bool has_type = map.required("type", out.type.type, as_value_type);
  map.optional("description", out.description, config::as_string);
  read_limits(map, out.type);
  if (const auto given = map.find("default")) {
    const auto text = config::as_string(*given);
    if (text && has_type) {
      const auto canonical = check_value(out.type, *text);
      if (canonical) out.default_value = *canonical;
      if (!canonical) given->error(fmt::format("\"default\" does not fit: {}", canonical.error().message()));
    }
  }
  if (has_type) map.finish();  // without a type it is not known which keys there are
  return out;
}

}  // namespace

std::vector<ParamSpec> read_params(const Value& value) {
  std::vector<ParamSpec> out;
  if (!value.is_map()) {
    value.must_be("a map of names and their types");
    return out;
  }
  for (const auto& entry : value.node().entries) {
    if (!is_identifier(entry.key))
      value.key_error(entry,
                      fmt::format("\"{}\" is not a name of a-z, 0-9, - and _ (at most 64)", printable(entry.key, 60)));
    out.push_back(read_param(entry.key, value.child(entry)));
  }
  return out;
}

}  // namespace heal::playbook
