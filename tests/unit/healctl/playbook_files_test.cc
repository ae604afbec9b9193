// `playbook test` and `playbook lint` on good files and bad ones. What they print is in tests/golden/healctl, word for
// word.

#include <catch2/catch.hpp>

#include "common/base/small_file.h"
#include "common/wire/json.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

constexpr const char* kHealYml = R"(version: 1
engines: {local: {unix: /run/docker.sock}}
alertmanagers: [{url: "http://alertmanager:9093"}]
routes: [{match: ['alertname="WebDown"'], playbook: restart, target: "container/local/{{ labels.container }}"}]
)";
constexpr const char* kBook = R"(version: 1
playbook: restart
mode: auto
steps: [{name: go, docker.restart: {}}]
verify: {all: [{container: running}]}
escalate: [page]
)";

/// A test of a container that dies and is alerted of; `calls` is what is expected to be done to it.
std::string test_of(const std::string& name, const std::string& calls) {
  return R"(version: 1
config: heal.yml
world: {containers: [{name: web, labels: {heal.enable: "true"}}]}
tests:
  - name: )" +
         name + R"(
    timeline:
      - {at: 0s, container: web, becomes: crashed}
      - {at: 1s, alert: {alertname: WebDown, container: web}}
    expect: {incidents: [{state: closed}], calls: [)" +
         calls + "]}\n";
}

/// A heal.yml with its playbook, and what else a test writes beside them.
struct Files : Bench {
  Files() {
    folder.write("heal.yml", kHealYml);
    folder.write("playbooks/restart.yml", kBook);
  }
  /// Runs `playbook VERB` on files of the folder; the folder's own name is left out of what it says.
  Ran playbook(const std::string& verb, const std::vector<std::string>& files,
               const std::vector<std::string>& more = {}) {
    std::vector<std::string> args{"playbook", verb};
    for (const std::string& file : files)
      args.push_back(folder.file(file));
    args.insert(args.end(), more.begin(), more.end());
    Ran ran = run(args);
    for (std::string* text : {&ran.out, &ran.err}) {
      const std::string path = folder.path().string() + "/";
      for (auto at = text->find(path); at != std::string::npos; at = text->find(path))
        text->erase(at, path.size());
    }
    return ran;
  }

  test::TempFolder folder;
};

TEST_CASE("tests that pass exit 0; one that fails, or a name that no test has, exits 1") {
  Files files;
  files.folder.write("good.yml", test_of("it is restarted", "restart web"));
  files.folder.write("bad.yml", test_of("it is left alone", ""));
  CHECK(files.playbook("test", {"good.yml"}) ==
        Ran{Exit::kDone, "ok    good.yml: it is restarted\n", "1 of 1 tests passed, in 1 file\n"});
  const Ran both = files.playbook("test", {"good.yml", "bad.yml"});
  CHECK(both.exit == Exit::kFailed);
  CHECK(both.err == "1 of 2 tests passed, in 2 files\n");
  CHECK(both.out.find("bad.yml:9:51: calls\n    expected  none\n    got       restart web\n") != std::string::npos);
  CHECK(files.playbook("test", {"good.yml", "bad.yml"}, {"--only", "restarted"}).exit == Exit::kDone);
  CHECK(files.playbook("test", {"good.yml"}, {"--only", "nobody"}) ==
        Ran{Exit::kFailed, "", "healctl: error: no test has such a name\n"});
}

TEST_CASE("a test file that cannot be used is named with the place, fails the run, and is an error of its report") {
  struct Case {
    const char *name, *text, *said;
  };
  const auto c = GENERATE(values<Case>({
      {"YAML that ends too soon", "version: 1\nconfig: heal.yml\ntests: [\n", "bad.yml:4:1: error: not valid YAML: "},
      {"a key that nobody knows", "version: 1\nconfig: heal.yml\ntets: []\n",
       "bad.yml:3:1: error: unknown key \"tets\" in a test file\n    tets: []\n    ^\nhint: did you mean \"tests\"?\n"},
      {"a heal.yml that is not there",
       "version: 1\nconfig: none.yml\ntests: [{name: x, timeline: [], expect: {incidents: []}}]\n",
       "error: none.yml: no such file or directory\n"},
  }));
  CAPTURE(c.name);
  Files files;
  files.folder.write("bad.yml", c.text);
  files.folder.write("good.yml", test_of("it is restarted", "restart web"));
  const std::string report = files.folder.file("junit.xml");
  const Ran ran = files.playbook("test", {"bad.yml", "good.yml"}, {"--junit", report});
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.out == "ok    good.yml: it is restarted\n");
  CAPTURE(ran.err);
  CHECK(ran.err.find(c.said) != std::string::npos);
  CHECK(ran.err.ends_with("1 of 1 tests passed, in 2 files; 1 could not be used\n"));
  const std::string xml = read_small_file(report);
  CHECK(xml.find("<testsuites tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\"") != std::string::npos);
  CHECK(xml.find("name=\"the file\" time=\"0.000\">\n      <error message=\"") != std::string::npos);
}

TEST_CASE("a test file that is not there, and a report that cannot be written, are said and exit 1") {
  Files files;
  CHECK(files.playbook("test", {"none.yml"}) ==
        Ran{Exit::kFailed, "", "healctl: error: none.yml: no such file or folder\n"});
  files.folder.write("good.yml", test_of("it is restarted", "restart web"));
  CHECK(files.playbook("test", {"good.yml"}, {"--junit", files.folder.file("none/junit.xml")}).err ==
        "healctl: error: none/junit.xml: cannot be written\n");
  CHECK(files.playbook("test", {"good.yml"}, {"--junit", files.folder.file("none/junit.xml")}).exit == Exit::kFailed);
  CHECK(files.run({"playbook", "test"}).exit == Exit::kUsage);
}

TEST_CASE("lint exits 0 with nothing found, 3 with findings, and leaves out what is skipped") {
  Files files;
  files.folder.write("rules.yml", "groups: [{name: web, rules: [{alert: WebDown, expr: up == 0}]}]\n");
  const std::vector<std::string> rules{"--rules", files.folder.file("rules.yml")};
  CHECK(files.playbook("lint", {"heal.yml"}, rules) == Ran{Exit::kDone, "", "nothing found\n"});
  files.folder.write("rules.yml", "groups: [{name: web, rules: [{alert: DiskFull, expr: disk > 1}]}]\n");
  const Ran found = files.playbook("lint", {"heal.yml"}, rules);
  CHECK(found.exit == Exit::kLint);
  CHECK(found.err == "1 finding\n");
  // The same heal.yml twice is the same finding twice, and is told once.
  CHECK(files.playbook("lint", {"heal.yml", "heal.yml"}, rules) == found);
  files.folder.write("eu.yml", "groups: [{name: web, rules: [{alert: WebDown, expr: sum(x)}]}]\n");
  std::vector<std::string> with_label{"--rules", files.folder.file("eu.yml")};
  CHECK(files.playbook("lint", {"heal.yml"}, with_label).exit == Exit::kLint);
  with_label.insert(with_label.end(), {"--external-label", "container=web"});
  CHECK(files.playbook("lint", {"heal.yml"}, with_label) == Ran{Exit::kDone, "", "nothing found\n"});
  auto skipping = rules;
  skipping.insert(skipping.end(), {"--skip", "unanswered-alert"});
  CHECK(files.playbook("lint", {"heal.yml"}, skipping) == Ran{Exit::kDone, "", "nothing found\n"});
  skipping.back() = "unanswered";
  CHECK(files.playbook("lint", {"heal.yml"}, skipping).exit == Exit::kUsage);
}

TEST_CASE("lint of a file that is invalid or not there exits 1 and names it") {
  struct Case {
    const char *name, *text, *said;
  };
  const auto c = GENERATE(values<Case>({
      {"heal.yml", "version: 1\nroute: []\n", "heal.yml:2:1: error: unknown key \"route\""},
      {"playbooks/restart.yml", "version: 1\nplaybook: [\n", "playbooks/restart.yml:3:1: error: "},
      {"rules.yml", "groups: [\n", "rules.yml:2:1: error: "},
  }));
  CAPTURE(c.name);
  Files files;
  files.folder.write("rules.yml", "groups: []\n");
  files.folder.write(c.name, c.text);
  const Ran ran = files.playbook("lint", {"heal.yml"}, {"--rules", files.folder.file("rules.yml")});
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.out.empty());
  CAPTURE(ran.err);
  CHECK(ran.err.find(c.said) != std::string::npos);
  CHECK(files.playbook("lint", {"none.yml"}) == Ran{Exit::kFailed, "", "error: none.yml: no such file or directory\n"});
  const Ran no_rules = files.playbook("lint", {"none.yml"}, {"--rules", files.folder.file("none")});
  CHECK(no_rules.err.find("none: no such file or folder") != std::string::npos);
  CHECK(no_rules.exit == Exit::kFailed);
}

}  // namespace
}  // namespace heal::ctl
