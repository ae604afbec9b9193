#include "common/config/yaml.h"

#include <catch2/catch.hpp>

namespace heal::config {
namespace {

/// The tree in one line: maps {k:v}, lists [..], quoted "x", plain x, null ~.
std::string show(const Node& node) {
  std::string out;
  switch (node.kind) {
    case NodeKind::kNull:
      return "~";
    case NodeKind::kScalar:
      return node.is_quoted ? "\"" + node.text + "\"" : node.text;
    case NodeKind::kList:
      for (const auto& item : node.items)
        out += (out.empty() ? "" : ",") + show(item);
      return "[" + out + "]";
    case NodeKind::kMap:
      for (const auto& entry : node.entries)
        out += (out.empty() ? "" : ",") + entry.key + ":" + show(entry.value);
      return "{" + out + "}";
  }
  return out;
}

std::string read(const std::string& text, const YamlLimits& limits = {}) {
  const Source source("f.yml", text);
  Diagnostics diagnostics;
  const auto node = parse_yaml(source, diagnostics, limits);
  REQUIRE(node.has_value() != diagnostics.has_errors());
  return node ? show(*node) : diagnostics.render();
}

TEST_CASE("YAML is read as it is written") {
  struct Case {
    const char* text;
    const char* tree;
  };
  const auto c = GENERATE(values<Case>({
      {"", "~"},
      {"# only a comment\n", "~"},
      {"a: 1\nb: [x, 'y', \"z\"]\n", "{a:1,b:[x,\"y\",\"z\"]}"},
      {"a:\n  b: ~\n  c:\n", "{a:{b:~,c:~}}"},
      {"- a: 1\n  b: 2\n- c\n", "[{a:1,b:2},c]"},
      {"---\na: 1\n...\n", "{a:1}"},
      {"a: |\n  x\n  y\n", "{a:\"x\ny\n\"}"},
      {"a: !!str 1\n", "{a:\"1\"}"},
      {"1: x\n'2': y\n", "{1:x,2:y}"},
      {"a: yes\nb: 0755\n", "{a:yes,b:0755}"},
      {"a: &x 1\nb: *x\n", "{a:1,b:1}"},
      {"base: &b {p: 1, q: 2}\nuse: {<<: *b, q: 3}\n", "{base:{p:1,q:2},use:{q:3,p:1}}"},
      {"a: &a {p: 1}\nb: &b {p: 2, q: 2}\nc:\n  <<: [*a, *b]\n", "{a:{p:1},b:{p:2,q:2},c:{p:1,q:2}}"},
      {"a: {'<<': 1}\n", "{a:{<<:1}}"},
      {"\xEF\xBB\xBF"
       "a: 1\n",
       "{a:1}"},
      {"a: 1\r\nb: 2\r\n", "{a:1,b:2}"},
      {R"("\_": "é\_\x85€\N\u00a0\x41")",
       "{\xC2\xA0:\"é\xC2\xA0\xC2\x85€\xC2\x85\xC2\xA0"
       "A\"}"},
  }));
  CAPTURE(c.text);
  REQUIRE(read(c.text) == c.tree);
}

TEST_CASE("what is not strict YAML is refused at its place") {
  struct Case {
    const char* text;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"a: 1\nb: 2\na: 3\n", "f.yml:3:1: error: duplicate key \"a\" (first given in line 1)\n    a: 3\n    ^\n"},
      {"a: {b: 1, b: 2}\n",
       "f.yml:1:11: error: duplicate key \"b\" (first given in line 1)\n    a: {b: 1, b: 2}\n              ^\n"},
      {"a: 1\n---\nb: 2\n",
       "f.yml:2:1: error: a second document begins here\n    ---\n    ^\n"
       "hint: one file holds one document: put it into a file of its own\n"},
      {"a: !custom 1\n",
       "f.yml:1:4: error: the tag \"!custom\" is not supported\n    a: !custom 1\n       ^\nhint: leave it out\n"},
      {"[a, b]: 1\n", "f.yml:1:1: error: a key must be a word, not a list or a map\n    [a, b]: 1\n    ^\n"},
      {"a: &x [1, *x]\n",
       "f.yml:1:11: error: an alias cannot stand inside of what its own anchor names\n    a: &x [1, *x]\n              "
       "^\n"},
      {"a: *nope\n",
       "f.yml:1:4: error: not valid YAML: the referenced anchor is not defined\n    a: *nope\n       ^\n"
       "hint: a text that begins with * must stand in quotes\n"},
      {"a: b: c\n",
       "f.yml:1:5: error: not valid YAML: illegal map value\n    a: b: c\n        ^\n"
       "hint: a text that holds \": \" must stand in quotes\n"},
      {"a: 1\n\tb: 2\n",
       "f.yml:2:1: error: not valid YAML: illegal tab when looking for indentation\n    \tb: 2\n    ^\nhint: indent "
       "with spaces, not tabs\n"},
      {"a: [1, 2\n", "f.yml:2:1: error: not valid YAML: end of sequence flow not found\n"},
      {"a: \xff\n", "f.yml:1: error: this line is not UTF-8 text\n"},
      {"grüße: 1\na: {<<: 3}\n",
       "f.yml:2:9: error: \"<<\" must be a map or a list of maps\n    a: {<<: 3}\n            ^\n"},
  }));
  CAPTURE(c.text);
  REQUIRE(read(c.text) == c.message);
}

TEST_CASE("a complaint about YAML shows no line that stands below the key of a secret") {
  const char* const text =
      GENERATE("secrets:\n- \"a\"hunter2\n", "secrets:\n  - \"a\"hunter2\n", "secrets:\n  - *hunter2\n",
               "proxy_connect_header:\n  X-Foo:\n  - \"a\"hunter2\n", "a: {secrets: [x,\n  \"a\"hunter2]}\n",
               "{\nsecrets: [\n\"a\"hunter2\n]}\n", "password: \"a\"\n  hunter2\n", "password: \"a\"hunter2\n",
               "{password: \"a\"\nhunter2}\n", "password: |\n   a\n hunter2: b\n", "secrets:\n  - !hunter2 x\n",
               "password: !hunter2 x\n", "key:\n  {a: 1, a: hunter2}\n");
  const std::string message = read(text);
  CAPTURE(text, message);
  CHECK(message.starts_with("f.yml:"));
  CHECK(message.find("hunter2") == std::string::npos);
}

TEST_CASE("a complaint about YAML shows the line behind a secret that has ended") {
  REQUIRE(read("a: {password: x}\nb: [1, 2\n c: \"d\"e\n").find("\n     c: \"d\"e\n") != std::string::npos);
}

TEST_CASE("columns count characters, not bytes") {
  REQUIRE(read("{grüße: 1, ä: 2, ä: 3}") ==
          "f.yml:1:18: error: duplicate key \"ä\" (first given in line 1)\n"
          "    {grüße: 1, ä: 2, ä: 3}\n"
          "                     ^\n");
}

TEST_CASE("depth is bounded") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  REQUIRE(read(nested(64)) == nested(64));
  REQUIRE(read("a:\n " + std::string(64, '[') + std::string(64, ']')) ==
          "f.yml:2:65: error: more than 64 lists and maps are nested here\n     " + nested(64) + "\n    " +
              std::string(64, ' ') + "^\n");
  REQUIRE(read(nested(20'000)).find("more than 64 lists and maps are nested here") != std::string::npos);
}

TEST_CASE("depth counts what an alias brings") {
  YamlLimits limits;
  limits.max_depth = 3;
  REQUIRE(read("a: &x [1]\nb: [*x]\n", limits) == "{a:[1],b:[[1]]}");
  REQUIRE(read("a: &x [1]\nb: [[*x]]\n", limits) ==
          "f.yml:2:6: error: more than 3 lists and maps are nested here\n    b: [[*x]]\n         ^\n");
}

TEST_CASE("aliases cannot be made to explode") {
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      laughs += (j == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  REQUIRE(read(laughs).find("error: more than 200000 values\n") != std::string::npos);

  std::string wide = "a: &a " + std::string(100'000, 'x') + "\nb: [";
  for (int i = 0; i < 1000; ++i)
    wide += "*a, ";
  REQUIRE(read(wide + "1]\n").find("bytes of text with all aliases replaced") != std::string::npos);
}

TEST_CASE("a file that is too large is refused before it is read") {
  YamlLimits limits;
  limits.max_bytes = 10;
  REQUIRE(read("aaaaaaaaaa: 1", limits) == "f.yml: error: the file is larger than 10 bytes\n");
}

TEST_CASE("five thousand values with places are read") {
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "k" + std::to_string(i) + ": {target: x}\n";
  const Source source("f.yml", text);
  Diagnostics diagnostics;
  const auto node = parse_yaml(source, diagnostics).value();
  REQUIRE(node.entries.size() == 5000);
  REQUIRE(node.entries[4999].line == 5000);
  REQUIRE(node.entries[4999].value.entries[0].value.byte == 16);
}

}  // namespace
}  // namespace heal::config
