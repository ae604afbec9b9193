#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/regex.h"
#include "common/playbook/text_template.h"

namespace heal::playbook {

/// The type of a parameter or of a step's argument.
enum class ValueType {
  kString,
  kInteger,
  kNumber,
  kBoolean,
  kDuration,
  kHostPort,
  kUrl,
  kTarget,
  kContainerName,
};
std::string_view to_string(ValueType type);
std::optional<ValueType> parse_value_type(std::string_view word);
std::vector<std::string> value_type_names();

/// A type with what further limits its values.
struct TypeSpec {
  ValueType type = ValueType::kString;
  std::optional<Regex> pattern;                     ///< string: the whole of it must match
  std::size_t max_length = 1024;                    ///< string: in bytes
  std::vector<std::string> words;                   ///< string: one of these; empty: any
  std::optional<std::int64_t> least, most;          ///< integer
  std::optional<double> number_least, number_most;  ///< number

  bool operator==(const TypeSpec&) const = default;
};

/// `text` in its type's canonical spelling (`90s` → `1m30s`, `true`), when it is a value of that type; kInvalid with
/// what was expected otherwise. No type lets a control character through.
Result<std::string> check_value(const TypeSpec& spec, std::string_view text);

/// `500MiB`, `2g`, `1048576` as bytes: k, m, g and KiB, MiB, GiB are powers of 1024. kInvalid.
Result<std::int64_t> parse_size(std::string_view text);

/// One declared parameter of a playbook.
struct ParamSpec {
  std::string name;
  std::string description;
  TypeSpec type;
  std::optional<std::string> default_value;  ///< canonical; without one the parameter must be given

  bool operator==(const ParamSpec&) const = default;
};

/// Parameter name → canonical value.
using Params = std::map<std::string, std::string, std::less<>>;

/// Checks `given` against the declarations and fills in defaults. kInvalid for a missing, unknown or unfit one; the
/// message names it.
Result<Params> bind_params(const std::vector<ParamSpec>& specs, const Params& given);

/// An argument of a planned step: exactly what will be used.
using ArgumentValue = std::variant<std::string, std::int64_t, double, bool, Duration, std::vector<std::string>,
                                   std::vector<std::int64_t>, std::map<std::string, std::string>>;

/// The arguments of a planned step, complete with defaults. Asking for one that the kind does not declare, or with
/// another type, is a bug and aborts; has() is for those without a default.
class Arguments {
 public:
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  const std::string& text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  bool flag(std::string_view name) const;
  Duration duration(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  const std::map<std::string, std::string>& text_map(std::string_view name) const;

  void set(std::string name, ArgumentValue value) { values_[std::move(name)] = std::move(value); }
  const std::map<std::string, ArgumentValue, std::less<>>& all() const { return values_; }

  bool operator==(const Arguments&) const = default;

 private:
  std::map<std::string, ArgumentValue, std::less<>> values_;
};

}  // namespace heal::playbook
