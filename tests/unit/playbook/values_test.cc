#include "common/playbook/values.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

TypeSpec of(ValueType type) {
  TypeSpec out;
  out.type = type;
  return out;
}

std::string check(const TypeSpec& spec, const std::string& text) {
  const auto value = check_value(spec, text);
  return value ? *value : "error: " + value.error().str();
}

TEST_CASE("each type takes its values in one canonical spelling") {
  struct Case {
    ValueType type;
    const char* text;
    const char* canonical;
  };
  const auto c = GENERATE(values<Case>({
      {ValueType::kString, "-rf $(x) `y`", "-rf $(x) `y`"},
      {ValueType::kString, "grüße", "grüße"},
      {ValueType::kInteger, "-12", "-12"},
      {ValueType::kNumber, "1.50", "1.5"},
      {ValueType::kBoolean, "true", "true"},
      {ValueType::kDuration, "90s", "1m30s"},
      {ValueType::kHostPort, "db.internal:5432", "db.internal:5432"},
      {ValueType::kHostPort, "[2001:db8::1]:80", "[2001:db8::1]:80"},
      {ValueType::kUrl, "https://[::1]:8443/a?b=c", "https://[::1]:8443/a?b=c"},
      {ValueType::kTarget, "container/local/web_1", "container/local/web_1"},
      {ValueType::kContainerName, "web-1.x_2", "web-1.x_2"},
  }));
  CAPTURE(c.text);
  REQUIRE(check(of(c.type), c.text) == c.canonical);
  REQUIRE(check(of(c.type), c.canonical) == c.canonical);
}

TEST_CASE("each type says what it wanted") {
  struct Case {
    ValueType type;
    const char* text;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {ValueType::kString, "a\nb", "error: \"a\\nb\" is not a text without control characters"},
      {ValueType::kString, "\xff", "error: \"\\xff\" is not a text without control characters"},
      {ValueType::kInteger, "012", "error: \"012\" is not a whole number"},
      {ValueType::kInteger, "1e3", "error: \"1e3\" is not a whole number"},
      {ValueType::kNumber, "nan", "error: \"nan\" is not a number"},
      {ValueType::kNumber, "1,5", "error: \"1,5\" is not a number"},
      {ValueType::kBoolean, "yes", "error: \"yes\" is not true or false"},
      {ValueType::kDuration, "-5s", "error: \"-5s\" is not a duration like 30s or 1h30m"},
      {ValueType::kHostPort, "web", "error: \"web\" is not host:port or [v6]:port"},
      {ValueType::kHostPort, "web:99999", "error: \"web:99999\" is not host:port or [v6]:port"},
      {ValueType::kHostPort, "-x:80", "error: \"-x:80\" is not host:port or [v6]:port"},
      {ValueType::kHostPort, "[::g]:80", "error: \"[::g]:80\" is not host:port or [v6]:port"},
      {ValueType::kHostPort, "[:::::]:80", "error: \"[:::::]:80\" is not host:port or [v6]:port"},
      {ValueType::kUrl, "file:///etc/passwd",
       "error: \"file:///etc/passwd\" is not a URL that can be used: it must begin with http:// or https:// and a "
       "host"},
      {ValueType::kUrl, "http://good@evil/",
       "error: \"http://****@evil/\" is not a URL that can be used: it must not hold a user or password"},
      {ValueType::kTarget, "container/local/..",
       "error: \"container/local/..\" is not a target (expected container/<engine>/<name>, process/<name>, unit/<name> "
       "or "
       "service/<name>)"},
      {ValueType::kContainerName, "-rf", "error: \"-rf\" is not a container's name"},
      {ValueType::kContainerName, "a/b", "error: \"a/b\" is not a container's name"},
      {ValueType::kContainerName, "a..b", "error: \"a..b\" is not a container's name"},
      {ValueType::kContainerName, "", "error: \"\" is not a container's name"},
  }));
  CAPTURE(c.text);
  REQUIRE(check(of(c.type), c.text) == c.message);
}

TEST_CASE("limits of a type hold") {
  TypeSpec text = of(ValueType::kString);
  text.pattern = Regex::compile("[a-z]+").value();
  text.max_length = 3;
  REQUIRE(check(text, "abc") == "abc");
  REQUIRE(check(text, "abcd") == "error: \"abcd\" is 4 bytes long (at most 3 are allowed)");
  REQUIRE(check(text, "a1") == "error: \"a1\" does not match the pattern \"[a-z]+\"");
  TypeSpec word = of(ValueType::kString);
  word.words = {"up", "down"};
  REQUIRE(check(word, "left") == "error: \"left\" is not one of up, down");
  TypeSpec number = of(ValueType::kInteger);
  number.least = 1;
  number.most = 3;
  REQUIRE(check(number, "0") == "error: 0 is less than 1");
  REQUIRE(check(number, "4") == "error: 4 is more than 3");
}

TEST_CASE("params are bound to their declarations") {
  ParamSpec grace{"grace", "", of(ValueType::kDuration), "5s"};
  ParamSpec name{"name", "", of(ValueType::kContainerName), std::nullopt};
  const std::vector<ParamSpec> specs{grace, name};
  REQUIRE(bind_params(specs, {{"name", "web"}}).value() == Params{{"grace", "5s"}, {"name", "web"}});
  REQUIRE(bind_params(specs, {{"name", "web"}, {"grace", "60s"}}).value() == Params{{"grace", "1m"}, {"name", "web"}});
  REQUIRE(bind_params(specs, {}).error().str() == "param name: is not given and has no default");
  REQUIRE(bind_params(specs, {{"name", "$(x)"}}).error().str() == "param name: \"$(x)\" is not a container's name");
  REQUIRE(bind_params(specs, {{"name", "web"}, {"graze", "1s"}}).error().str() ==
          "param graze: the playbook has none of this name (did you mean \"grace\"?)");
}

}  // namespace
}  // namespace heal::playbook
