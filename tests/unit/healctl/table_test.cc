#include "healctl/output/table.h"

#include <catch2/catch.hpp>

#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

using enum Column::Fit;

Table sample() {
  Table table({{"ID", kKeep},
               {"TARGET", kCut},
               {"N", kKeep, Column::Align::kRight},
               {"EXTRA", kCut, Column::Align::kLeft, Column::Need::kIfRoom},
               {"WHY", kWrap}});
  table.add({"01J8", "container/local/nginx", "7", "details", "the health check failed three times in a row"});
  table.add({"01J9", "x", "12", "", {"ok", Tone::kGood}});
  return table;
}

TEST_CASE("a table is as wide as it needs when nothing limits it") {
  CHECK(sample().render(0, Colour::kOff) ==
        "ID    TARGET                  N  EXTRA    WHY\n"
        "01J8  container/local/nginx   7  details  the health check failed three times in a row\n"
        "01J9  x                      12  -        ok\n");
}

TEST_CASE("a table wraps and cuts to the width of the terminal") {
  CHECK(sample().render(72, Colour::kOff) ==
        "ID    TARGET                  N  EXTRA    WHY\n"
        "01J8  container/local/nginx   7  details  the health check failed three\n"
        "                                          times in a row\n"
        "01J9  x                      12  -        ok\n");
}

TEST_CASE("a table leaves out what it can do without before it cuts the rest to stumps") {
  CHECK(sample().render(60, Colour::kOff) ==
        "ID    TARGET                  N  WHY\n"
        "01J8  container/local/nginx   7  the health check failed\n"
        "                                 three times in a row\n"
        "01J9  x                      12  ok\n");
  CHECK(sample().render(44, Colour::kOff) ==
        "ID    TARGET     N  WHY\n"
        "01J8  contain…   7  the health check failed\n"
        "                    three times in a row\n"
        "01J9  x         12  ok\n");
}

TEST_CASE("no line of a table is wider than a terminal that holds its least widths") {
  for (std::size_t width = 30; width < 120; ++width) {
    CAPTURE(width);
    const auto text = sample().render(width, Colour::kOff);
    std::size_t start = 0;
    for (auto end = text.find('\n'); end != std::string::npos; start = end + 1, end = text.find('\n', start)) {
      CHECK(display_width(text.substr(start, end - start)) <= width);
    }
  }
}

TEST_CASE("colours wrap the text of a cell and not its padding") {
  Table table({{"A", kKeep}, {"B", kKeep}});
  table.add({{"good", Tone::kGood}, "x"});
  CHECK(table.render(0, Colour::kOn) == "\x1b[1mA\x1b[0m     \x1b[1mB\x1b[0m\n\x1b[32mgood\x1b[0m  x\n");
}

TEST_CASE("a hostile cell cannot break a table") {
  Table table({{"A", kKeep}, {"B", kKeep}});
  table.add({"one\ntwo\x1b[2J", ""});
  CHECK(table.render(0, Colour::kOff) == "A                B\none\\ntwo\\x1b[2J  -\n");
}

}  // namespace
}  // namespace heal::ctl
