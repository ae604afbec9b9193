#include <utility>

#include "common/base/text.h"
#include "common/wire/alertmanager.h"
#include "common/wire/json.h"

namespace heal {
namespace {

Matcher::Op op_of(bool is_regex, bool is_equal) {
  if (is_regex) return is_equal ? Matcher::Op::kMatches : Matcher::Op::kNotMatches;
  return is_equal ? Matcher::Op::kEqual : Matcher::Op::kNotEqual;
}

Result<Matcher> matcher_of(const Json& json, std::string_view at) {
  HEAL_TRY(auto name, get_string(json, "name", at));
  HEAL_TRY(auto value, get_string(json, "value", at));
  HEAL_TRY(const bool is_regex, get_bool(json, "isRegex", at));
  HEAL_TRY(const auto is_equal, get_optional_bool(json, "isEqual", at));
  return Matcher::create(std::move(name), op_of(is_regex, is_equal.value_or(true)), std::move(value));
}

Result<Silence> silence_of(const Json& json, std::string_view at) {
  Silence silence;
  HEAL_TRY(silence.id, get_string(json, "id", at));
  HEAL_TRY(silence.starts_at, get_time(json, "startsAt", at));
  HEAL_TRY(silence.ends_at, get_time(json, "endsAt", at));
  HEAL_TRY(silence.created_by, get_string(json, "createdBy", at));
  HEAL_TRY(silence.comment, get_string(json, "comment", at));
  HEAL_TRY(const Json* matchers, get_array(json, "matchers", at));
  const auto list_at = json_pointer(at, "matchers");
  for (std::size_t i = 0; i < matchers->size(); ++i) {
    HEAL_TRY(auto matcher, matcher_of((*matchers)[i], json_pointer(list_at, i)));
    silence.matchers.push_back(std::move(matcher));
  }
  return silence;
}

Result<std::vector<Silence>> silences_of(std::string_view body) {
  HEAL_TRY(const Json root, parse_json(body));
  if (!root.is_array()) return make_error(ErrorCode::kInvalid, "expected an array, got {}", json_type_name(root));
  std::vector<Silence> out;
  for (std::size_t i = 0; i < root.size(); ++i) {
    const auto at = json_pointer("", i);
    HEAL_TRY(const Json* status, get_object(root[i], "status", at));
    HEAL_TRY(const auto state, get_string(*status, "state", json_pointer(at, "status")));
    if (state == "expired") continue;
    HEAL_TRY(auto silence, silence_of(root[i], at));
    out.push_back(std::move(silence));
  }
  return out;
}

}  // namespace

Result<std::vector<Silence>> parse_alertmanager_silences(std::string_view body) {
  auto silences = silences_of(body);
  if (!silences) return make_error(ErrorCode::kProtocol, "Alertmanager's list of silences: {}", silences.error().str());
  return silences;
}

std::string write_alertmanager_silence(const Silence& silence) {
  Json matchers = Json::array();
  for (const Matcher& matcher : silence.matchers) {
    const auto op = matcher.op();
    matchers.push_back(Json{{"name", matcher.name()},
                            {"value", matcher.value()},
                            {"isRegex", op == Matcher::Op::kMatches || op == Matcher::Op::kNotMatches},
                            {"isEqual", op == Matcher::Op::kEqual || op == Matcher::Op::kMatches}});
  }
  Json body{{"matchers", std::move(matchers)},
            {"startsAt", format_rfc3339_nano(silence.starts_at)},
            {"endsAt", format_rfc3339_nano(silence.ends_at)},
            {"createdBy", silence.created_by},
            {"comment", silence.comment}};
  if (!silence.id.empty()) body["id"] = silence.id;
  return dump(body);
}

Result<std::string> parse_alertmanager_silence_id(std::string_view body) {
  const auto root = parse_json(body);
  auto id = root ? get_string(*root, "silenceID") : Result<std::string>(root.error());
  if (!id) return make_error(ErrorCode::kProtocol, "Alertmanager's answer to a silence: {}", id.error().str());
  return id;
}

}  // namespace heal
