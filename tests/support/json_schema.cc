#include "tests/support/json_schema.h"

#include <algorithm>
#include <cctype>

#include "common/base/text.h"

namespace heal::test {
namespace {

class Checker {
 public:
  explicit Checker(const Json& document) : document_(document) {}

  void check(const Json& schema, const Json& value, const std::string& at) {
    if (schema.contains("$ref")) return check(referred(schema), value, at);
    if (value.is_null() && schema.value("nullable", false)) return;
    for (const Json& part : schema.value("allOf", Json::array()))
      check(part, value, at);
    if (schema.contains("type") && !is_of(schema["type"].get<std::string>(), value))
      return note(at, "is " + dump(value) + ", not of type " + schema["type"].get<std::string>());
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
      note(at, "is " + dump(value) + ", none of " + dump(schema["enum"]));
    if (value.is_object()) check_members(schema, value, at);
    if (!value.is_array() || !schema.contains("items")) return;
    for (std::size_t i = 0; i < value.size(); ++i)
      check(schema["items"], value[i], at + "/" + std::to_string(i));
  }

  const Json& referred(const Json& schema) const {
    return document_.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
  }

  std::vector<std::string> problems;

 private:
  void note(const std::string& at, const std::string& problem) { problems.push_back(at + ": " + problem); }

  static bool is_of(const std::string& type, const Json& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    return type == "number" && value.is_number();
  }

  void check_members(const Json& schema, const Json& value, const std::string& at) {
    for (const Json& name : schema.value("required", Json::array())) {
      if (!value.contains(name.get<std::string>())) note(at, "lacks " + name.get<std::string>());
    }
    const Json properties = schema.value("properties", Json::object());
    const Json further = schema.value("additionalProperties", Json(true));
    for (const auto& [name, member] : value.items()) {
      const std::string place = at + "/" + name;
      if (properties.contains(name)) {
        check(properties[name], member, place);
      } else if (further.is_object()) {
        check(further, member, place);
      } else if (further == false) {
        note(place, "is not documented");
      }
    }
  }

  const Json& document_;
};

bool is_path(const std::string& documented, const std::string& path) {
  const auto wanted = split(documented, '/');
  const auto found = split(path, '/');
  return std::equal(
      wanted.begin(), wanted.end(), found.begin(), found.end(),
      [](std::string_view a, std::string_view b) { return a == b || (a.starts_with("{") && !b.empty()); });
}

const Json* operation_of(const Json& document, std::string method, const std::string& path) {
  std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::tolower(c); });
  const Json* found = nullptr;
  for (const auto& [documented, methods] : document["paths"].items()) {
    if (!is_path(documented, path) || !methods.contains(method)) continue;
    if (found == nullptr || documented == path) found = &methods[method];
  }
  return found;
}

}  // namespace

std::vector<std::string> schema_problems(const Json& document, const Json& schema, const Json& value) {
  Checker checker(document);
  checker.check(schema, value, "");
  return checker.problems;
}

std::vector<std::string> answer_problems(const Json& document, const std::string& method, const std::string& target,
                                         int status, const std::string& content_type, const std::string& body) {
  const Json* operation = operation_of(document, method, target.substr(0, target.find('?')));
  const auto name = std::to_string(status);
  if (operation == nullptr) {
    if (status == 404 || status == 405) return {};
    return {"there is no such operation, and the answer is " + name};
  }
  const Json* response = &(*operation)["responses"];
  if (!response->contains(name)) return {"answer " + name + " is not documented"};
  response = &(*response)[name];
  if (response->contains("$ref")) response = &Checker(document).referred(*response);
  const std::string type = content_type.substr(0, content_type.find(';'));
  if (!response->contains("content") || !(*response)["content"].contains(type))
    return {"answer " + name + " of type \"" + type + "\" is not documented"};
  if (type != "application/json") return {};
  const auto json = parse_json(body);
  if (!json.has_value()) return {"the answer is no JSON: " + json.error().str()};
  return schema_problems(document, (*response)["content"][type]["schema"], *json);
}

}  // namespace heal::test
