// Which files are good: asked of Debian's prometheus-blackbox-exporter 0.23 and of heal-exporter.
#include "tests/contract/exporter/blackbox_files.h"

#include <cstdlib>

#include <catch2/catch.hpp>

#include "heal_test_paths.h"
#include "tests/contract/exporter/pair.h"

namespace heal::test {
namespace {

class FileJudge {
 public:
  struct Verdicts {
    bool theirs, ours;
  };
  Verdicts judge(const std::string& text) {
    const std::string file = (folder_.path() / "blackbox.yml").string();
    std::ofstream(file) << text;
    return {takes(kBlackbox, file), takes(HEAL_BIN_DIR "/heal-exporter", file)};
  }

 private:
  static bool takes(const std::string& program, const std::string& file) {
    return std::system((program + " --config.check --config.file=" + file + " >/dev/null 2>&1").c_str()) == 0;
  }
  TempFolder folder_;
};

std::string file_of(const std::string& module) {
  return "modules: {m: " + module + "}\n";
}

TEST_CASE("modules that blackbox_exporter takes are taken") {
  FileJudge judge;
  for (const char* module : kGoodModules) {
    CAPTURE(module);
    const auto verdicts = judge.judge(file_of(module));
    CHECK(verdicts.theirs);
    CHECK(verdicts.ours);
  }
}

TEST_CASE("modules that blackbox_exporter refuses are refused") {
  FileJudge judge;
  for (const char* module : kBadModules) {
    CAPTURE(module);
    const auto verdicts = judge.judge(file_of(module));
    CHECK_FALSE(verdicts.theirs);
    CHECK_FALSE(verdicts.ours);
  }
}

TEST_CASE("modules with keys of later versions are taken here alone") {
  FileJudge judge;
  for (const char* module : kLaterModules) {
    CAPTURE(module);
    const auto verdicts = judge.judge(file_of(module));
    CHECK_FALSE(verdicts.theirs);
    CHECK(verdicts.ours);
  }
}

TEST_CASE("what both say of whole files") {
  FileJudge judge;
  for (const char* good : {"modules:\n", "modules: {}\n", "%YAML 1.1\n---\nmodules: {m: {prober: http}}\n",
                           "modules: {m: &a {prober: http}, n: *a}\n",
                           "modules: {m: &a {prober: http, timeout: 3s}, n: {<<: *a, timeout: 4s}}\n"}) {
    CAPTURE(good);
    const auto verdicts = judge.judge(good);
    CHECK(verdicts.theirs);
    CHECK(verdicts.ours);
  }
  for (const char* bad :
       {"", "modules: []\n", "modules: x\n", "mods: {}\n", "modules: {m: []}\n", "modules:\n\tm: {}\n",
        "modules: {m: {prober: http}\n", "modules: {m: {prober: http}, m: {prober: tcp}}\n",
        "modules: {m: {prober: http}}\nother: 1\n"}) {
    CAPTURE(bad);
    const auto verdicts = judge.judge(bad);
    CHECK_FALSE(verdicts.theirs);
    CHECK_FALSE(verdicts.ours);
  }
}

TEST_CASE("what cannot be meant is refused here, though blackbox_exporter takes it") {
  FileJudge judge;
  for (const char* module : {"{prober: udp}", "{prober: ''}", "{timeout: 1s}", "{prober: http, timeout: -1s}",
                             "{prober: http, http: {method: 'G T'}}", R"({prober: http, http: {headers: {A: "x\ny"}}})",
                             "{prober: http, http: {body_size_limit: -1B}}", "{prober: http, http: {proxy_url: p}}",
                             "{prober: icmp, icmp: {payload_size: 70000}}"}) {
    CAPTURE(module);
    const auto verdicts = judge.judge(file_of(module));
    CHECK(verdicts.theirs);
    CHECK_FALSE(verdicts.ours);
  }
}

}  // namespace
}  // namespace heal::test
