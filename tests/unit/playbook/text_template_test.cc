#include "common/playbook/text_template.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

const Scope kTemplateScope{{"labels.a", "A"}, {"labels.b", ""}, {"labels.braces", "{{ labels.a }}"}, {"params.n", "7"}};

std::string expand(const std::string& text) {
  const auto parsed = Template::parse(text);
  if (!parsed) return "no template: " + parsed.error().str();
  const auto expanded = parsed->expand(kTemplateScope);
  return expanded ? *expanded : "error: " + expanded.error().str();
}

TEST_CASE("places are replaced once, and what is put in is never looked at again") {
  REQUIRE(expand("") == "");
  REQUIRE(expand("plain } text { }}") == "plain } text { }}");
  REQUIRE(expand("x{{ labels.a }}y{{labels.b}}z{{  params.n  }}") == "xAyz7");
  REQUIRE(expand("{{ labels.braces }}") == "{{ labels.a }}");
}

TEST_CASE("what is not a template is refused with the reason") {
  REQUIRE(expand("a{{ labels.a") == "no template: \"{{\" at character 2 is never closed with \"}}\"");
  REQUIRE(expand("{{ }}") ==
          "no template: \"\" is not a path like labels.instance (templates have no logic, only {{ path }})");
  REQUIRE(expand("{{ labels.a | upper }}") ==
          "no template: \"labels.a | upper\" is not a path like labels.instance (templates have no logic, only {{ path "
          "}})");
  REQUIRE(expand("{{ labels..a }}").substr(0, 12) == "no template:");
  REQUIRE(expand("{{{ labels.a }}}").substr(0, 12) == "no template:");
}

TEST_CASE("an undefined value is an error, an empty one is not") {
  REQUIRE(expand("{{ labels.none }}") == "error: labels.none has no value");
  REQUIRE(expand("[{{ labels.b }}]") == "[]");
}

TEST_CASE("values are bounded and hold no control characters") {
  struct Case {
    std::string value;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {std::string(4097, 'x'), "labels.v is 4097 bytes long (at most 4096 are allowed)"},
      {std::string(65536, 'x'), "labels.v is 65536 bytes long (at most 4096 are allowed)"},
      {"a\nb", "labels.v holds a control character: \"a\\nb\""},
      {std::string("a\0b", 3), "labels.v holds a control character: \"a\\x00b\""},
      {"a\x7f", "labels.v holds a control character: \"a\\x7f\""},
      {"a\xC2\x85", "labels.v holds a control character: \"a\xC2\x85\""},
      {"\xE2\x80\xAEgpj.exe", "labels.v holds a control character: \"\xE2\x80\xAEgpj.exe\""},
      {"\xff", "labels.v is not UTF-8 text"},
  }));
  const auto result = Template::parse("{{ labels.v }}")->expand({{"labels.v", c.value}});
  REQUIRE(result.error().str() == c.message);
}

TEST_CASE("the whole text is bounded too") {
  const Scope scope{{"labels.v", std::string(4096, 'x')}};
  REQUIRE(Template::parse("{{ labels.v }}")->expand(scope)->size() == 4096);
  REQUIRE(Template::parse("{{ labels.v }}{{ labels.v }}")->expand(scope).error().str() ==
          "\"{{ labels.v }}{{ labels.v }}\" becomes 8192 bytes long (at most 4096 are allowed)");
}

TEST_CASE("references are named with their places") {
  const auto text = Template::parse("x {{ labels.a }} {{params.n}}").value();
  REQUIRE_FALSE(text.is_literal());
  REQUIRE(text.leading_literal() == "x ");
  REQUIRE(text.references().size() == 2);
  REQUIRE(text.references()[0].path == "labels.a");
  REQUIRE(text.references()[0].offset == 5);
  REQUIRE(text.references()[1].path == "params.n");
  REQUIRE(Template::literal("{{ labels.a }}").expand({}).value() == "{{ labels.a }}");
}

}  // namespace
}  // namespace heal::playbook
