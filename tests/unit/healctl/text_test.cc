#include "healctl/output/text.h"

#include <catch2/catch.hpp>

namespace heal::ctl {
namespace {

TEST_CASE("safe_text lets nothing through that a terminal acts on") {
  CHECK(safe_text("plain ümläut 日本") == "plain ümläut 日本");
  CHECK(safe_text("a\x1b[31mred\a\n\tb") == "a\\x1b[31mred\\x07\\n\\tb");
  CHECK(safe_text("\xc2\x9b"
                  "31m") == "\\u009b31m");
  CHECK(safe_text("user\u202Egnp.exe") == "user\\u202egnp.exe");
  CHECK(safe_text("zero\u200Bwidth \u2066isolate\u2069 \uFEFF") == "zero\\u200bwidth \\u2066isolate\\u2069 \\ufeff");
  CHECK(safe_text("bad\xff\xc0") == "bad\\xff\\xc0");
  CHECK(safe_text(std::string("nul\0", 4)) == "nul\\x00");
}

TEST_CASE("display_width counts terminal columns") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("🔥") == 2);
}

TEST_CASE("fit cuts at a column and never inside a character") {
  CHECK(fit("nginx", 5) == "nginx");
  CHECK(fit("nginx-1", 5) == "ngin…");
  CHECK(fit("日本語", 4) == "日…");
  CHECK(fit("ab", 1) == "…");
  CHECK(fit("ab", 0) == "");
}

TEST_CASE("wrap breaks at spaces and keeps long words whole") {
  CHECK(wrap("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrap("incomprehensible x", 4) == std::vector<std::string>{"incomprehensible", "x"});
  CHECK(wrap("", 4) == std::vector<std::string>{""});
}

}  // namespace
}  // namespace heal::ctl
