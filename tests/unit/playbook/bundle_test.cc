#include "common/playbook/bundle.h"

#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

namespace fs = std::filesystem;

/// A folder with a heal.yml and its playbooks, removed at the end.
class Files {
 public:
  Files() {
    std::string name = (fs::temp_directory_path() / "heal-bundle-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Files() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const auto file = fs::path(path_) / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  /// What is found wrong, with this folder's name left out.
  std::string problems() const { return without_path(load(path_ + "/heal.yml").diagnostics.render()); }
  std::string without_path(std::string text) const {
    for (auto at = text.find(path_ + "/"); at != std::string::npos; at = text.find(path_ + "/"))
      text.erase(at, path_.size() + 1);
    return text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const char* const kPlaybook = R"(version: 1
playbook: restart
mode: auto
params: {grace: {type: duration}}
steps: [{name: r, docker.restart: {grace: "{{ params.grace }}"}}]
verify: {all: [{container: running}]}
)";

std::string heal_yml(const std::string& route) {
  return "version: 1\nalertmanagers: [{url: 'http://am:9093'}]\nroutes:\n  - " + route + "\n";
}

TEST_CASE("heal.yml and its playbooks are one bundle") {
  const Files files;
  files.write("heal.yml", heal_yml("{match: ['a=b'], playbook: restart, target: service/x, params: {grace: 5s}}"));
  files.write("playbooks/restart.yml", kPlaybook);
  const auto loaded = load(files.path() + "/heal.yml");
  INFO(loaded.diagnostics.render());
  REQUIRE(loaded.bundle);
  REQUIRE(loaded.diagnostics.empty());
  REQUIRE(loaded.files.size() == 2);
  REQUIRE(loaded.bundle->find_playbook("restart")->name == "restart");
  REQUIRE(loaded.bundle->find_playbook("other") == nullptr);
}

TEST_CASE("routes are checked against the playbooks") {
  struct Case {
    const char* name;
    const char* route;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"unknown playbook", "{match: ['a=b'], playbook: restat, target: service/x}",
       "heal.yml:4:32: error: there is no playbook \"restat\"\n"
       "      - {match: ['a=b'], playbook: restat, target: service/x}\n"
       "                                   ^\n"
       "hint: did you mean \"restart\"?\n"},
      {"missing param", "{match: ['a=b'], playbook: restart, target: service/x}",
       "heal.yml:4:5: error: the route gives no \"grace\", which playbook restart needs\n"
       "      - {match: ['a=b'], playbook: restart, target: service/x}\n"
       "        ^\n"},
      {"unfit param", "{match: ['a=b'], playbook: restart, target: service/x, params: {grace: long}}",
       "heal.yml:4:5: error: param \"grace\" does not fit: \"long\" is not a duration like 30s or 1h30m\n"
       "      - {match: ['a=b'], playbook: restart, target: service/x, params: {grace: long}}\n"
       "        ^\n"},
      {"unknown param", "{match: ['a=b'], playbook: restart, target: service/x, params: {grace: 1s, graze: 1s}}",
       "heal.yml:4:5: error: playbook restart has no param \"graze\"\n"
       "      - {match: ['a=b'], playbook: restart, target: service/x, params: {grace: 1s, graze: 1s}}\n"
       "        ^\n"
       "hint: did you mean \"grace\"?\n"},
  }));
  CAPTURE(c.name);
  const Files files;
  files.write("heal.yml", heal_yml(c.route));
  files.write("playbooks/restart.yml", kPlaybook);
  REQUIRE(files.problems() == c.message);
}

TEST_CASE("a playbook must find in heal.yml what it needs") {
  const Files files;
  files.write("heal.yml", "version: 1\nplaybooks: [p.yml]\n");
  files.write("p.yml", R"(version: 1
playbook: p
mode: auto
steps:
  - {name: c, command: {argv: [/bin/fix]}}
  - {name: h, http.request: {url: "http://api/"}}
verify: {any: [{alert: resolved}, {check: promql, query: up, is: 1}]}
)");
  REQUIRE(files.problems() ==
          "p.yml: error: playbook p asks Prometheus, but heal.yml has no \"prometheus\"\n"
          "p.yml: error: playbook p asks Alertmanager, but heal.yml has no \"alertmanagers\"\n"
          "p.yml: warning: guard fresh_evidence asks Alertmanager, but heal.yml has no \"alertmanagers\": no alert's "
          "heal will be allowed\n"
          "hint: give \"alertmanagers\", or switch the guard off\n"
          "p.yml:5:5: error: /bin/fix is not under allow.commands in heal.yml\n"
          "      - {name: c, command: {argv: [/bin/fix]}}\n"
          "        ^\n"
          "p.yml:6:5: error: api:80 is not under allow.hosts in heal.yml\n"
          "      - {name: h, http.request: {url: \"http://api/\"}}\n"
          "        ^\n");
}

TEST_CASE("two playbooks of one name are refused") {
  const Files files;
  files.write("heal.yml", "version: 1\nalertmanagers: [{url: 'http://am'}]\n");
  files.write("playbooks/a.yml", kPlaybook);
  files.write("playbooks/b.yml", kPlaybook);
  REQUIRE(files.problems() ==
          "playbooks/b.yml: error: there is another playbook named \"restart\" in playbooks/a.yml\n");
}

TEST_CASE("a broken playbook is reported once, not also as missing") {
  const Files files;
  files.write("heal.yml", heal_yml("{match: ['a=b'], playbook: restart, target: service/x}"));
  files.write("playbooks/restart.yml", "version: 1\nplaybook: restart\nmode: auto\n");
  REQUIRE(files.problems().find("there is no playbook") == std::string::npos);
  REQUIRE_FALSE(load(files.path() + "/heal.yml").bundle);
}

TEST_CASE("what cannot be read is said") {
  const Files files;
  REQUIRE(files.problems() == "error: heal.yml: no such file or directory\n");
  files.write("heal.yml", "version: 1\nplaybooks: [none.yml]\n");
  REQUIRE(files.problems() == "heal.yml: error: \"playbooks\": none.yml: no such file or folder\n");
}

TEST_CASE("files of either kind are checked together and all their mistakes reported") {
  const Files files;
  const auto heal = files.write("heal.yml", "version: 1\nalertmanagers: [{url: 'http://am'}]\nwrong: 1\n");
  const auto good = files.write("p/good.yml", kPlaybook);
  files.write("p/bad.yml", "version: 1\nplaybook: bad\nmode: auto\nsteps: []\nverify: {all: [{check: health}]}\n");
  REQUIRE(check_files({good}).empty());
  REQUIRE(files.without_path(check_files({heal, files.path() + "/p"}).render()) ==
          "heal.yml:3:1: error: unknown key \"wrong\" in heal.yml\n    wrong: 1\n    ^\n"
          "hint: expected one of version, engines, prometheus, alertmanagers, playbooks, inventory, allow, defaults, "
          "routes, retention, workers, faults, users\n"
          "p/bad.yml:4:8: error: \"steps\" must not be empty\n    steps: []\n           ^\n");
  REQUIRE(files.without_path(check_files({files.path() + "/none"}).render()) ==
          "error: none: no such file or folder\n");
}

}  // namespace
}  // namespace heal::playbook
