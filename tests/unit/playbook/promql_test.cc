#include "common/playbook/promql.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

using Texts = std::vector<std::string>;

TEST_CASE("what a query selects and how far it looks back is told") {
  struct Case {
    const char* query;
    Texts selectors;
    Duration looks_back;
    bool joins_labels = false;
  };
  const auto c = GENERATE(values<Case>({
      {"up", {"up"}, {}},
      {R"(up{job="x", path=~"a}b\"[5m]"})", {R"(up{job="x", path=~"a}b\"[5m]"})"}, {}},
      {R"({__name__=~"a|b"} > bool 0)", {R"({__name__=~"a|b"})"}, {}},
      {"sum by (job, up) (node:up:sum) / on(job) group_left(x) count(b) without (c)", {"node:up:sum", "b"}, {}, true},
      {"rate(errors_total{a='b'}[5m])", {"errors_total{a='b'}"}, 5min},
      {"max_over_time(rate(x[1m])[10m:30s])", {"x"}, 11min},
      {"x offset 1h30m - x", {"x"}, 90min},
      {"x[5m] offset -1m", {"x"}, 5min},
      {"increase(x[300]) # of y\n > 1e3", {"x"}, 5min},
      {"histogram_quantile(0.9, sum by(le) (rate(b_bucket[2m])))", {"b_bucket"}, 2min},
      {R"(label_replace(up, "a", "$1", "b", "c") and absent(down) or inf)", {"up", "down"}, {}, true},
      {"topk(3, x) unless y", {"x", "y"}, {}},
      {"x[999999y] offset 999999y", {"x"}, 24h * 3650},
      {"time() - 0x1F", {}, {}},
      {"", {}, {}},
  }));
  CAPTURE(c.query);
  const auto reads = promql_reads(c.query);
  REQUIRE(reads.has_value());
  CHECK(*reads == PromqlReads{c.selectors, c.looks_back, c.joins_labels});
}

TEST_CASE("where that cannot be told it is an error") {
  const auto [query, message] = GENERATE(table<const char*, const char*>({
      {"x @ 1700000000", "it cannot be told what the query reads: it is pinned to a time by @"},
      {"x[5q]", "it cannot be told what the query reads: q is no unit of time"},
      {"x[5m", "it cannot be told what the query reads: a bracket is not closed"},
      {"x{a=\"b}", "it cannot be told what the query reads: a text is not closed"},
      {"x{a='b'", "it cannot be told what the query reads: a brace is not closed"},
      {"sum by (x", "it cannot be told what the query reads: a parenthesis is not closed"},
      {"x offset", "it cannot be told what the query reads: a range has no length"},
      {"x[99999999999999999999y]", "it cannot be told what the query reads: 99999999999999999999y"},
  }));
  CAPTURE(query);
  const auto reads = promql_reads(query);
  REQUIRE_FALSE(reads.has_value());
  CHECK(reads.error().message() == message);
}

}  // namespace
}  // namespace heal::playbook
