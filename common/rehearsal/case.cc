#include "common/rehearsal/case.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/config/file.h"
#include "common/rehearsal/reading.h"

namespace heal::rehearsal {
namespace {

using config::MapReader;
using config::Value;

std::optional<TimedHappening> read_line(const Value& value, const std::string& folder) {
  MapReader map(value, "a line of the timeline");
  TimedHappening out;
  out.span = value.span();
  const bool is_timed = map.required("at", out.at, config::as_duration);
  auto what = read_happening(map, Allowed::kEverything, folder);
  map.finish();
  if (!is_timed || !what) return std::nullopt;
  out.what = std::move(*what);
  return out;
}

std::vector<TimedHappening> read_timeline(const Value& value, const std::string& folder) {
  const auto as_line = [&folder](const Value& line) { return read_line(line, folder); };
  auto lines = config::as_list(as_line)(value);
  if (!lines) return {};
  Duration before{};
  for (const TimedHappening& line : *lines) {
    if (line.at < before) value.error("the lines of a timeline stand in the order of their times");
    before = std::max(before, line.at);
  }
  return std::move(*lines);
}

std::optional<TestCase> read_test(const Value& value, const WorldSetup& common, const std::string& folder) {
  MapReader map(value, "a test");
  TestCase out;
  out.span = value.span();
  map.required("name", out.name, config::as_nonempty_string);
  WallTime now;
  if (map.optional("now", now, as_wall_time)) out.now = now;
  WorldSetup own;
  map.optional("world", own, read_world);
  out.world = common.with(own);
  if (const auto lines = map.find_required("timeline")) out.timeline = read_timeline(*lines, folder);
  map.required("expect", out.expect, read_expectation);
  map.finish();
  return out;
}

}  // namespace

std::optional<TestFile> parse_test_file(const std::string& text, const std::string& file,
                                        config::Diagnostics& diagnostics) {
  const config::Source source(file, text);
  const auto root = config::parse_yaml(source, diagnostics);
  if (!root) return std::nullopt;
  const std::size_t errors = diagnostics.errors();
  const std::string folder = config::folder_of(file);
  MapReader map(Value(*root, source, diagnostics, config::Dialect::kStrict, "the file"), "a test file");
  std::int64_t version = 0;
  map.required("version", version, config::as_integer(1, 1));
  TestFile out;
  out.file = file;
  if (map.required("config", out.heal_yml, config::as_nonempty_string)) {
    out.heal_yml = config::resolve_path(out.heal_yml, folder);
    out.heal_yml_span = map.find("config")->span();
  }
  WorldSetup common;
  map.optional("world", common, read_world);
  const auto as_test = [&](const Value& value) { return read_test(value, common, folder); };
  map.required("tests", out.tests, config::as_list(as_test));
  if (const auto tests = map.find("tests"); tests && tests->is_list() && tests->items().empty())
    tests->error("a test file has at least one test");
  map.finish();
  std::set<std::string> names;
  for (const TestCase& test : out.tests) {
    if (!names.insert(test.name).second) diagnostics.error(test.span, "there are two tests of this name");
  }
  return diagnostics.errors() == errors ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace heal::rehearsal
