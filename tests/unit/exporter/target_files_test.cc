#include "exporter/target_files.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "exporter/config.h"
#include "tests/support/temp_folder.h"

namespace heal::exporter {
namespace {

using Targets = std::vector<FoundTarget>;

std::string error_of(const std::string& file, const std::string& text) {
  const auto targets = parse_target_file(file, text);
  return targets.has_value() ? "good" : targets.error().str();
}

class TargetFilesBench {
 public:
  void watch(const std::vector<std::string>& names) {
    std::vector<std::string> paths;
    for (const std::string& name : names)
      paths.push_back(folder.file(name));
    files.watch({{"p", paths}});
  }
  Targets targets() {
    const FoundTargets all = files.targets();
    const auto found = all.find("p");
    return found == all.end() ? Targets() : found->second;
  }
  /// As many looks as a change takes to be read: one sees it, one that it is over.
  bool look_twice() {
    const bool first = files.look();
    return files.look() || first;
  }
  std::string metric(const std::string& name, const std::string& file) {
    ExpositionWriter out;
    files.write(out);
    const std::string head = "\n" + name + "{path=\"" + folder.file(file) + "\"} ";
    const std::size_t at = out.text().find(head);
    if (at == std::string::npos) return "absent";
    return out.text().substr(at + head.size(), out.text().find('\n', at + 1) - at - head.size());
  }

  test::TempFolder folder;
  FakeClock clock;
  TargetFiles files{clock, Logger::none()};
};

TEST_CASE(
    "JSON and YAML files of file_sd give their targets; labels with __ are dropped, our own come under another name") {
  const Targets expected{{"a:1", {{"env", "prod"}, {"exported_module", "x"}}},
                         {"b:1", {{"env", "prod"}, {"exported_module", "x"}}},
                         {"c:1", {}}};
  CHECK(parse_target_file("t.json", R"([{"targets": ["a:1", "b:1"],
      "labels": {"env": "prod", "__meta_x": "1", "module": "x", "none": ""}}, {"targets": ["c:1"]}])")
            .value() == expected);
  CHECK(parse_target_file("t.yml",
                          "- targets: [a:1, 'b:1']\n  labels: {env: prod, __meta_x: 1, module: x, none: ''}\n"
                          "- targets:\n  - c:1\n")
            .value() == expected);
  CHECK(parse_target_file("t.yml", "").value().empty());
  CHECK(parse_target_file("t.json", "[]").value().empty());
}

TEST_CASE("a label of a file that comes under another name takes none away") {
  const Targets expected{{"a:1", {{"exported_exported_module", "x"}, {"exported_module", "y"}}}};
  CHECK(parse_target_file("t.yml", "- targets: [a:1]\n  labels: {module: x, exported_module: y}\n").value() ==
        expected);
}

TEST_CASE("what is wrong in a file is named with its place") {
  CHECK(error_of("t.yml", "- target: [a:1]\n") ==
        "t.yml:1:3: unknown key \"target\" in a target group (did you mean \"targets\"?)");
  CHECK(error_of("t.yml", "targets: [a:1]\n") == "t.yml:1:1: the file must be a list, not a map");
  CHECK(error_of("t.yml", "- targets: [a:1]\n  labels: {9a: x}\n") == "t.yml:2:12: \"9a\" is not a label name");
  CHECK(error_of("t.json", R"({"targets": []})") == "t.json:1:1: expected an array of target groups");
  CHECK(error_of("t.json", R"([{"target": []}])") ==
        "t.json:1:3: /0/target: unknown member, did you mean \"targets\"?");
  CHECK(error_of("t.json", R"([{"targets": [1]}])") ==
        "t.json:1:3: /0/targets: expected addresses as strings, got number");
  CHECK(error_of("t.json", R"([null])") == "t.json:1:2: /0: expected an object, got null");
  CHECK(error_of("t.json", "[\n {\"targets\": [\"a:1\"],\n  \"labels\": {\"a\": 1}}]") ==
        "t.json:3:14: /0/labels/a: expected a string, got number");
  CHECK(error_of("t.json", "[{\"targets\":\n [\"a:1\"] 5}]") ==
        "t.json: /0/targets: not accepted as JSON at line 2, column 10 (byte 22): unexpected number literal; expected "
        "'}'");
}

TEST_CASE("a check reads the files that there are, with every mistake of each, and warns of those that are missing") {
  const test::TempFolder folder;
  folder.write("good.yml", "- targets: [a:1]\n");
  folder.write("bad.yml", "- target: [a:1]\n- targets: a:1\n");
  folder.write("bad.json", R"([{"targets": [1]}])");
  const std::string at = folder.path().string() + "/";
  ScheduledProbe one, two;
  one.files = {at + "*.yml", at + "none.yml", at + "none/*.yml"};
  two.files = {at + "bad.json", at + "bad.yml"};
  config::Diagnostics diagnostics;
  check_target_files({one, two}, diagnostics);
  CHECK(diagnostics.errors() == 3);
  CHECK(diagnostics.render() == at + "bad.json:1:3: error: /0/targets: expected addresses as strings, got number\n" +
                                    "    [{\"targets\": [1]}]\n      ^\n" + at +
                                    "bad.yml:1:3: error: unknown key \"target\" in a target group\n" +
                                    "    - target: [a:1]\n      ^\nhint: did you mean \"targets\"?\n" + at +
                                    "bad.yml:2:12: error: \"targets\" must be a list, not \"a:1\"\n" +
                                    "    - targets: a:1\n               ^\n" + at +
                                    "none.yml: warning: there is no such file of targets\n");
}

TEST_CASE("labels that would fill the memory when each target has them are refused") {
  std::string text = "- labels: {a: " + std::string(1 << 20, 'x') + "}\n  targets: [";
  for (int i = 0; i < 65; ++i)
    text += std::to_string(i) + ",";
  CHECK(error_of("t.yml", text + "]\n") ==
        "t.yml: the labels of all targets are 68157505 bytes (at most 67108864 are allowed)");
}

TEST_CASE("files are read at once, and again when they change or a new one fits a glob") {
  TargetFilesBench bench;
  bench.folder.write("sd/a.json", R"([{"targets": ["a:1"]}])");
  bench.watch({"sd/*.json", "b.yml"});
  CHECK(bench.targets() == Targets{{"a:1", {}}});
  CHECK_FALSE(bench.look_twice());
  bench.folder.write("b.yml", "- targets: [b:1]\n");
  bench.folder.write("sd/c.json", R"([{"targets": ["c:1"]}])");
  bench.folder.write("sd/a.json", R"([{"targets": ["a:1", "a:2"]}])");
  CHECK(bench.look_twice());
  CHECK(bench.targets() == Targets{{"a:1", {}}, {"a:2", {}}, {"c:1", {}}, {"b:1", {}}});
  CHECK_FALSE(bench.look_twice());
  CHECK(bench.metric("heal_exporter_target_file_targets", "sd/a.json") == "2");
}

TEST_CASE("a bad file keeps its last good targets and says so, until it is good again") {
  TargetFilesBench bench;
  bench.folder.write("a.json", R"([{"targets": ["a:1"]}])");
  bench.watch({"a.json"});
  bench.folder.write("a.json", R"([{"targets": ["a:1", )");
  CHECK_FALSE(bench.look_twice());
  CHECK(bench.targets() == Targets{{"a:1", {}}});
  CHECK(bench.metric("heal_exporter_target_file_good", "a.json") == "0");
  CHECK(bench.metric("heal_exporter_target_file_last_good_timestamp_seconds", "a.json") == "1.893553445e+09");
  bench.folder.write("a.json", R"([{"targets": ["a:2"]}])");
  CHECK(bench.look_twice());
  CHECK(bench.targets() == Targets{{"a:2", {}}});
  CHECK(bench.metric("heal_exporter_target_file_good", "a.json") == "1");
}

TEST_CASE("a file that goes takes its targets with it at the second look, one that comes back in time does not") {
  TargetFilesBench bench;
  const std::string name = GENERATE("a.json", "*.json");
  bench.folder.write("a.json", R"([{"targets": ["a:1"]}])");
  bench.watch({name});
  std::filesystem::remove(bench.folder.file("a.json"));
  CHECK_FALSE(bench.files.look());
  CHECK(bench.targets().size() == 1);
  bench.folder.write("a.json", R"([{"targets": ["a:1"]}])");
  CHECK_FALSE(bench.look_twice());
  CHECK(bench.targets().size() == 1);
  std::filesystem::remove(bench.folder.file("a.json"));
  CHECK(bench.look_twice());
  CHECK(bench.targets().empty());
  bench.folder.write("a.json", R"([{"targets": ["a:1"]}])");
  CHECK(bench.look_twice());
  CHECK(bench.targets().size() == 1);
}

TEST_CASE("a file that is still being written is not read") {
  TargetFilesBench bench;
  bench.folder.write("a.yml", "- targets: [a:1, a:2]\n");
  bench.watch({"a.yml"});
  bench.folder.write("a.yml", "- targets: [a:1]\n");  // half of what is meant
  CHECK_FALSE(bench.files.look());
  bench.folder.write("a.yml", "- targets: [a:1, a:2, a:3]\n");
  CHECK_FALSE(bench.files.look());
  CHECK(bench.targets().size() == 2);
  CHECK(bench.files.look());
  CHECK(bench.targets().size() == 3);
}

TEST_CASE("a configuration that is read again is no look: nothing goes and nothing half-written is read by it") {
  TargetFilesBench bench;
  bench.folder.write("a.json", R"([{"targets": ["a:1"]}])");
  bench.folder.write("b.yml", "- targets: [b:1, b:2]\n");
  bench.watch({"*.json", "b.yml"});
  std::filesystem::remove(bench.folder.file("a.json"));
  bench.folder.write("b.yml", "- targets: [b:1]\n");  // half of what is meant
  CHECK_FALSE(bench.files.look());
  bench.folder.write("new.yml", "- targets: [new:1]\n");
  bench.watch({"*.json", "b.yml", "new.yml"});
  CHECK(bench.targets() == Targets{{"a:1", {}}, {"b:1", {}}, {"b:2", {}}, {"new:1", {}}});
  CHECK(bench.files.look());
  CHECK(bench.targets() == Targets{{"b:1", {}}, {"new:1", {}}});
}

TEST_CASE("a file that cannot be looked at or read keeps its targets, however often, and is tried again") {
  TargetFilesBench bench;
  const std::string name = GENERATE("sd/a.json", "sd/*.json", "s?/a.json");
  const std::string text = R"([{"targets": ["a:1"]}])";
  bench.folder.write("sd/a.json", text);
  bench.watch({name});
  // A circle of links is an error for everybody, root included.
  std::filesystem::rename(bench.folder.file("sd"), bench.folder.file("away"));
  std::filesystem::create_symlink("sd", bench.folder.file("sd"));
  for (int i = 0; i < 3; ++i)
    CHECK_FALSE(bench.files.look());
  CHECK(bench.targets().size() == 1);
  CHECK(bench.metric("heal_exporter_target_file_good", "sd/a.json") == "0");
  std::filesystem::remove(bench.folder.file("sd"));
  std::filesystem::rename(bench.folder.file("away"), bench.folder.file("sd"));
  CHECK_FALSE(bench.look_twice());
  CHECK(bench.metric("heal_exporter_target_file_good", "sd/a.json") == "1");
}

TEST_CASE("all files together hold no more targets than one exporter schedules") {
  TargetFilesBench bench;
  std::string many = "- targets:\n";
  for (std::size_t i = 0; i < kMostSeries; ++i)
    many += "  - a:" + std::to_string(i) + "\n";
  bench.folder.write("a.yml", many);
  bench.folder.write("b.yml", "- targets: [b:1]\n");
  bench.watch({"a.yml", "b.yml"});
  CHECK(bench.targets().size() == kMostSeries);
  CHECK(bench.metric("heal_exporter_target_file_good", "b.yml") == "0");
}

}  // namespace
}  // namespace heal::exporter
