#include "common/wire/json.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/json_reader.h"

namespace heal {
namespace {

/// Where the parser is: shared by all copies of the iterator that it reads through.
struct ReadMark {
  std::size_t bytes = 0;
};

/// An input iterator over text that says how far it was read.
class MarkingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  MarkingIterator(const char* at, ReadMark* mark) : at_(at), mark_(mark) {}
  reference operator*() const { return *at_; }
  MarkingIterator& operator++() {
    ++at_;
    ++mark_->bytes;
    return *this;
  }
  MarkingIterator operator++(int) {
    MarkingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const MarkingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const MarkingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  ReadMark* mark_;
};

std::string place_of(std::string_view text, std::size_t byte) {
  byte = std::min(byte, text.size());
  const auto before = text.substr(0, byte);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_start = before.rfind('\n');
  const auto column = byte - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return fmt::format("line {}, column {} (byte {})", line, column, byte);
}

/// What the library says without its own name and position: `unexpected end of input; expected …`.
std::string reason_of(std::string_view what) {
  constexpr std::string_view kPosition = ": syntax error while parsing ";
  const auto position = what.find(kPosition);
  if (position == std::string_view::npos) {
    return what.find("out_of_range") != std::string_view::npos ? "a number is out of range" : "malformed";
  }
  what.remove_prefix(position + kPosition.size());
  const auto dash = what.find(" - ");
  if (dash != std::string_view::npos) what.remove_prefix(dash + 3);
  return printable(what, 200);
}

/// Builds the value and stops at the first thing that is not allowed. The library calls the members by these names.
class Builder {
 public:
  Builder(std::string_view text, JsonLimits limits, const ReadMark& mark) : text_(text), limits_(limits), mark_(mark) {}

  bool null() { return add(Json(nullptr)); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(std::int64_t value) { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) { return add(Json(value)); }
  bool number_float(double value, const std::string& /*digits*/) { return add(Json(value)); }
  bool string(std::string& value) { return add(Json(std::move(value))); }
  bool binary(Json::binary_t& /*value*/) { return fail("binary values are not JSON"); }
  bool start_object(std::size_t /*elements*/) { return open(Json::object()); }
  bool start_array(std::size_t /*elements*/) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    Level& level = levels_.back();
    level.key = name;
    if (level.value->contains(name)) return fail("the member is there twice");
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) {
    return fail_at(position == 0 ? 0 : position - 1, reason_of(error.what()));
  }

  Result<Json> take() && {
    if (error_) return std::move(*error_);
    return std::move(root_);
  }
  void fail_unless_failed(std::string_view reason) {
    if (!error_) fail(reason);
  }

 private:
  struct Level {
    Json* value;
    std::string key;
  };

  Json* place(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Level& level = levels_.back();
    if (level.value->is_array()) {
      level.value->push_back(std::move(value));
      return &level.value->back();
    }
    return &((*level.value)[level.key] = std::move(value));
  }
  bool add(Json value) {
    if (++values_ > limits_.max_values) return fail(fmt::format("more than {} values", limits_.max_values));
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (levels_.size() >= limits_.max_depth) {
      return fail(fmt::format("nested deeper than {} levels", limits_.max_depth));
    }
    if (++values_ > limits_.max_values) return fail(fmt::format("more than {} values", limits_.max_values));
    levels_.push_back({place(std::move(value)), ""});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }

  std::string pointer() const {
    std::string out;
    for (const Level& level : levels_) {
      if (level.value->is_array()) {
        out = json_pointer(out, level.value->size() - (&level == &levels_.back() ? 0 : 1));
      } else if (!level.key.empty() || &level != &levels_.back()) {
        out = json_pointer(out, level.key);
      }
    }
    return out;
  }
  // The library has read one character beyond a token that it reports, the closing quote or bracket included.
  bool fail(std::string_view reason) { return fail_at(mark_.bytes == 0 ? 0 : mark_.bytes - 1, reason); }
  bool fail_at(std::size_t byte, std::string_view reason) {
    const auto where = pointer();
    error_ = make_error(ErrorCode::kInvalid, "{}{}not accepted as JSON at {}: {}", printable(where, 200),
                        where.empty() ? "" : ": ", place_of(text_, byte), reason);
    return false;
  }

  std::string_view text_;
  JsonLimits limits_;
  const ReadMark& mark_;
  Json root_;
  std::size_t values_ = 0;
  std::vector<Level> levels_;
  std::optional<Error> error_;
};

/// The first byte that no JSON text can have: not UTF-8, or NUL (which the library would take for the end).
std::optional<Error> forbidden_byte(std::string_view text) {
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return make_error(ErrorCode::kInvalid, "not accepted as JSON at {}: NUL byte", place_of(text, nul));
  }
  if (is_utf8(text)) return std::nullopt;
  const std::string repaired = to_valid_utf8(text);
  const auto places = std::mismatch(text.begin(), text.end(), repaired.begin(), repaired.end());
  return make_error(ErrorCode::kInvalid, "not accepted as JSON at {}: not UTF-8",
                    place_of(text, static_cast<std::size_t>(places.first - text.begin())));
}

Error wrong_type(std::string_view at, std::string_view name, std::string_view expected, const Json* value) {
  return make_error(ErrorCode::kInvalid, "{}: expected {}, got {}", printable(json_pointer(at, name), 300), expected,
                    value == nullptr ? "nothing" : json_type_name(*value));
}

/// The member when `fits` it, nullptr when absent.
template <typename Fits>
Result<const Json*> typed_member(const Json& object, std::string_view name, std::string_view at,
                                 std::string_view expected, Fits fits) {
  const Json* member = find_member(object, name);
  if (member != nullptr && !fits(*member)) return wrong_type(at, name, expected, member);
  return member;
}

template <typename Fits>
Result<const Json*> required_member(const Json& object, std::string_view name, std::string_view at,
                                    std::string_view expected, Fits fits) {
  HEAL_TRY(const Json* member, typed_member(object, name, at, expected, fits));
  if (member == nullptr) return wrong_type(at, name, expected, nullptr);
  return member;
}

bool is_text(const Json& value) {
  return value.is_string();
}
bool is_number(const Json& value) {
  return value.is_number();
}
bool is_boolean(const Json& value) {
  return value.is_boolean();
}
bool is_object(const Json& value) {
  return value.is_object();
}
bool is_array(const Json& value) {
  return value.is_array();
}
/// A whole number of 64 bits with sign; 3.0 counts, as some writers send it so.
bool is_int64(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>() <= INT64_MAX;
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return std::trunc(number) == number && std::abs(number) <= 0x1p53;
}

constexpr std::string_view kString = "a string";
constexpr std::string_view kWhole = "a whole number";
constexpr std::string_view kNumber = "a number";
constexpr std::string_view kBoolean = "true or false";
constexpr std::string_view kObject = "an object";
constexpr std::string_view kArray = "an array";

std::int64_t int_of(const Json& value) {
  return value.is_number_float() ? static_cast<std::int64_t>(value.get<double>()) : value.get<std::int64_t>();
}

Result<Labels> labels_of(const Json& object, std::string_view at) {
  Labels labels;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return wrong_type(at, name, kString, &value);
    labels.emplace(name, value.get_ref<const std::string&>());
  }
  return labels;
}

Result<std::optional<WallTime>> time_of(const Json& text, std::string_view at, std::string_view name) {
  auto time = parse_rfc3339(text.get_ref<const std::string&>());
  if (!time) return make_error(ErrorCode::kInvalid, "{}: {}", json_pointer(at, name), time.error().str());
  return *time;
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (auto error = forbidden_byte(text)) return std::move(*error);
  if (auto plain = read_plain_json(text, limits)) return std::move(*plain);
  return parse_any_json(text, limits);
}

Result<Json> parse_any_json(std::string_view text, const JsonLimits& limits) {
  ReadMark mark;
  Builder builder(text, limits, mark);
  const char* const begin = text.data();
  const bool accepted =
      Json::sax_parse(MarkingIterator(begin, &mark), MarkingIterator(begin + text.size(), &mark), &builder);
  if (!accepted) builder.fail_unless_failed("malformed");
  return std::move(builder).take();
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string dump_pretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string_view json_type_name(const Json& value) {
  return value.type_name();
}

std::string json_pointer(std::string_view base, std::string_view token) {
  std::string out(base);
  out += '/';
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string json_pointer(std::string_view base, std::size_t index) {
  return fmt::format("{}/{}", base, index);
}

const Json* find_member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

Status check_members(const Json& object, const std::vector<std::string>& known, std::string_view at) {
  if (!object.is_object()) {
    return make_error(ErrorCode::kInvalid, "{}{}expected an object, got {}", at, at.empty() ? "" : ": ",
                      json_type_name(object));
  }
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto meant = closest_match(name, known);
    return make_error(ErrorCode::kInvalid, "{}: unknown member, {}", printable(json_pointer(at, name), 300),
                      meant ? fmt::format("did you mean \"{}\"?", *meant)
                            : fmt::format("expected one of {}", fmt::join(known, ", ")));
  }
  return {};
}

Result<std::string> get_string(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, required_member(object, name, at, kString, is_text));
  return member->get_ref<const std::string&>();
}

Result<std::int64_t> get_int(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, required_member(object, name, at, kWhole, is_int64));
  return int_of(*member);
}

Result<double> get_double(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, required_member(object, name, at, kNumber, is_number));
  return member->get<double>();
}

Result<bool> get_bool(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, required_member(object, name, at, kBoolean, is_boolean));
  return member->get<bool>();
}

Result<const Json*> get_object(const Json& object, std::string_view name, std::string_view at) {
  return required_member(object, name, at, kObject, is_object);
}

Result<const Json*> get_array(const Json& object, std::string_view name, std::string_view at) {
  return required_member(object, name, at, kArray, is_array);
}

Result<Labels> get_labels(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, get_object(object, name, at));
  return labels_of(*member, json_pointer(at, name));
}

Result<WallTime> get_time(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, required_member(object, name, at, "an RFC 3339 time", is_text));
  HEAL_TRY(const auto time, time_of(*member, at, name));
  if (!time) return make_error(ErrorCode::kInvalid, "{}: expected a time, got year 1", json_pointer(at, name));
  return *time;
}

Result<std::optional<std::string>> get_optional_string(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, typed_member(object, name, at, kString, is_text));
  if (member == nullptr) return std::optional<std::string>();
  return std::optional<std::string>(member->get_ref<const std::string&>());
}

Result<std::string> get_nonempty_string(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(auto text, get_string(object, name, at));
  if (!text.empty()) return text;
  return make_error(ErrorCode::kInvalid, "{}: expected a text that is not empty", json_pointer(at, name));
}

Result<std::string> get_string_or_empty(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(auto text, get_optional_string(object, name, at));
  return std::move(text).value_or("");
}

Result<std::optional<std::int64_t>> get_optional_int(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, typed_member(object, name, at, kWhole, is_int64));
  if (member == nullptr) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(int_of(*member));
}

Result<std::optional<double>> get_optional_double(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, typed_member(object, name, at, kNumber, is_number));
  if (member == nullptr) return std::optional<double>();
  return std::optional<double>(member->get<double>());
}

Result<std::optional<bool>> get_optional_bool(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, typed_member(object, name, at, kBoolean, is_boolean));
  if (member == nullptr) return std::optional<bool>();
  return std::optional<bool>(member->get<bool>());
}

Result<const Json*> get_optional_object(const Json& object, std::string_view name, std::string_view at) {
  return typed_member(object, name, at, kObject, is_object);
}

Result<const Json*> get_optional_array(const Json& object, std::string_view name, std::string_view at) {
  return typed_member(object, name, at, kArray, is_array);
}

Result<Labels> get_optional_labels(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, get_optional_object(object, name, at));
  if (member == nullptr) return Labels();
  return labels_of(*member, json_pointer(at, name));
}

Result<std::optional<WallTime>> get_optional_time(const Json& object, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* member, typed_member(object, name, at, "an RFC 3339 time", is_text));
  if (member == nullptr || member->get_ref<const std::string&>().empty()) return std::optional<WallTime>();
  return time_of(*member, at, name);
}

Json to_json_value(const Labels& labels) {
  Json out = Json::object();
  for (const auto& [name, value] : labels)
    out[name] = value;
  return out;
}

Json to_json_value(const std::optional<WallTime>& time) {
  return time ? Json(format_rfc3339_nano(*time)) : Json(nullptr);
}

}  // namespace heal
