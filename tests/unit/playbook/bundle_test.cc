#include "common/playbook/bundle.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

namespace heal::playbook {
namespace {

/// A folder with a heal.yml and its playbooks.
class Files : public test::TempFolder {
 public:
  /// What is found wrong, with this folder's name left out.
  std::string problems() const { return without_path(load(file("heal.yml")).diagnostics.render()); }
  std::string without_path(std::string text) const {
    const std::string start = file("");
    for (auto at = text.find(start); at != std::string::npos; at = text.find(start))
      text.erase(at, start.size());
    return text;
  }
};

const char* const kPlaybook = R"(version: 1
playbook: restart
mode: auto
params: {grace: {type: duration}}
steps: [{name: r, docker.restart: {grace: "{{ params.grace }}"}}]
verify: {all: [{container: running}]}
escalate: [page]
)";

std::string heal_yml(const std::string& route) {
  return "version: 1\nalertmanagers: [{url: 'http://am:9093'}]\nengines: {local: {unix: /d}}\nroutes:\n  - " + route +
         "\n";
}

TEST_CASE("heal.yml and its playbooks are one bundle") {
  const Files files;
  files.write("heal.yml",
              heal_yml("{match: ['a=b'], playbook: restart, target: container/local/x, params: {grace: 5s}}"));
  files.write("playbooks/restart.yml", kPlaybook);
  const auto loaded = load(files.file("heal.yml"));
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
      {"unknown playbook", "{match: ['a=b'], playbook: restat, target: container/local/x}",
       "heal.yml:5:32: error: there is no playbook \"restat\"\n"
       "      - {match: ['a=b'], playbook: restat, target: container/local/x}\n"
       "                                   ^\n"
       "hint: did you mean \"restart\"?\n"},
      {"missing param", "{match: ['a=b'], playbook: restart, target: container/local/x}",
       "heal.yml:5:5: error: the route gives no \"grace\", which playbook restart needs\n"
       "      - {match: ['a=b'], playbook: restart, target: container/local/x}\n"
       "        ^\n"},
      {"unfit param", "{match: ['a=b'], playbook: restart, target: container/local/x, params: {grace: long}}",
       "heal.yml:5:77: error: param \"grace\" does not fit: \"long\" is not a duration like 30s or 1h30m\n"
       "      - {match: ['a=b'], playbook: restart, target: container/local/x, params: {grace: long}}\n"
       "                                                                                ^\n"},
      {"unknown param",
       "{match: ['a=b'], playbook: restart, target: container/local/x, params: {grace: 1s, graze: 1s}}",
       "heal.yml:5:88: error: playbook restart has no param \"graze\"\n"
       "      - {match: ['a=b'], playbook: restart, target: container/local/x, params: {grace: 1s, graze: 1s}}\n"
       "                                                                                           ^\n"
       "hint: did you mean \"grace\"?\n"},
  }));
  CAPTURE(c.name);
  const Files files;
  files.write("heal.yml", heal_yml(c.route));
  files.write("playbooks/restart.yml", kPlaybook);
  REQUIRE(files.problems() == c.message);
}

TEST_CASE("a playbook that acts by itself and never calls a human is warned of") {
  const auto [mode, escalate, expected] = GENERATE(table<std::string, std::string, std::string>(
      {{"auto", "",
        "p.yml:2:11: warning: playbook p acts by itself and never calls a human when it fails\n    playbook: p\n"
        "              ^\nhint: escalate: [page]\n"},
       {"auto", "escalate: [other]",
        "p.yml:2:11: warning: playbook p acts by itself and never calls a human when it fails\n    playbook: p\n"
        "              ^\nhint: end its \"escalate\" with page\n"},
       {"auto", "escalate: [other, page]", ""},
       {"approve", "", ""},
       {"shadow", "", ""}}));
  const Files files;
  files.write("heal.yml", "playbooks: [p.yml, other.yaml]\n" +
                              heal_yml("{match: ['a=b'], playbook: p, target: container/local/x}"));
  const std::string rest = "\nsteps: [{name: r, docker.restart: {}}]\nverify: {all: [{container: running}]}\n";
  files.write("p.yml", "version: 1\nplaybook: p\nmode: " + mode + rest + escalate + "\n");
  files.write("other.yaml", "version: 1\nplaybook: other\nmode: auto" + rest);
  REQUIRE(files.problems() == expected);
}

TEST_CASE("PromQL that can never verify anything is warned of") {
  const auto [query, expected] = GENERATE(table<std::string, std::string>(
      {{"rate(x[30s])", ""},
       {"rate(x[1m])",
        "p.yml:5:29: warning: this can never be verified: the query looks back 1m, and must not see what was before "
        "the "
        "last step, but verification ends after 1m\n    verify: {within: 60s, all: [{check: promql, query: "
        "'rate(x[1m])', "
        "is: 1}]}\n                                ^\nhint: a shorter range, or a longer \"within\"\n"},
       {"x @ 5",
        "p.yml:5:29: warning: this can never be verified: it cannot be told what the query reads: it is pinned to a "
        "time "
        "by @\n    verify: {within: 60s, all: [{check: promql, query: 'x @ 5', is: 1}]}\n                              "
        "  "
        "^\n"}}));
  const Files files;
  files.write("heal.yml",
              "version: 1\nplaybooks: [p.yml]\nprometheus: {url: 'http://p'}\nalertmanagers: [{url: 'http://am'}]\n");
  files.write("p.yml",
              "version: 1\nplaybook: p\nmode: auto\nsteps: [{name: r, docker.restart: {}}]\n"
              "verify: {within: 60s, all: [{check: promql, query: '" +
                  query + "', is: 1}]}\n");
  REQUIRE(files.problems() == expected);
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
          "p.yml:2:11: warning: guard fresh_evidence asks Alertmanager, but heal.yml has no \"alertmanagers\": no "
          "alert's heal will be allowed\n"
          "    playbook: p\n"
          "              ^\n"
          "hint: give \"alertmanagers\", or switch the guard off\n"
          "p.yml:5:5: error: /bin/fix is not under allow.commands in heal.yml\n"
          "      - {name: c, command: {argv: [/bin/fix]}}\n"
          "        ^\n"
          "p.yml:6:5: error: api:80 is not under allow.hosts in heal.yml\n"
          "      - {name: h, http.request: {url: \"http://api/\"}}\n"
          "        ^\n"
          "p.yml:7:16: error: playbook p asks Alertmanager, but heal.yml has no \"alertmanagers\"\n"
          "    verify: {any: [{alert: resolved}, {check: promql, query: up, is: 1}]}\n"
          "                   ^\n"
          "hint: for example: alertmanagers: [{url: \"http://alertmanager:9093\"}]\n"
          "p.yml:7:35: error: playbook p asks Prometheus, but heal.yml has no \"prometheus\"\n"
          "    verify: {any: [{alert: resolved}, {check: promql, query: up, is: 1}]}\n"
          "                                      ^\n"
          "hint: for example: prometheus: {url: \"http://prometheus:9090\"}\n");
}

TEST_CASE("two playbooks of one name are refused") {
  const Files files;
  files.write("heal.yml", "version: 1\nalertmanagers: [{url: 'http://am'}]\n");
  files.write("playbooks/a.yml", kPlaybook);
  files.write("playbooks/b.yml", kPlaybook);
  REQUIRE(files.problems() ==
          "playbooks/b.yml:2:11: error: there is another playbook named \"restart\", at playbooks/a.yml:2:11\n"
          "    playbook: restart\n"
          "              ^\n"
          "hint: give one of them another name\n");
}

TEST_CASE("a missing heal.yml is one plain message for the log too") {
  const Files files;
  REQUIRE(files.without_path(load(files.file("heal.yml")).diagnostics.to_error().str()) ==
          "heal.yml: no such file or directory");
}

TEST_CASE("what heal.yml alone proves wrong about a route's target is said at its place") {
  struct Case {
    const char* name;
    const char* target;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"absent, and of the wrong kind", "service/nosuch",
       "heal.yml:6:49: error: service/nosuch: not in the inventory (not under inventory.targets in heal.yml)\n"
       "      - {match: ['a=b'], playbook: restart, target: service/nosuch}\n"
       "                                                    ^\n"
       "heal.yml:6:49: error: step r of playbook restart cannot act on service/nosuch (docker.restart acts on a "
       "container)\n"
       "      - {match: ['a=b'], playbook: restart, target: service/nosuch}\n"
       "                                                    ^\n"},
      {"present, but of the wrong kind", "service/api",
       "heal.yml:6:49: error: step r of playbook restart cannot act on service/api (docker.restart acts on a "
       "container)\n"
       "      - {match: ['a=b'], playbook: restart, target: service/api}\n"
       "                                                    ^\n"},
      {"unknown engine", "container/edge/web",
       "heal.yml:6:49: error: container/edge/web: there is no engine \"edge\" in heal.yml\n"
       "      - {match: ['a=b'], playbook: restart, target: container/edge/web}\n"
       "                                                    ^\n"
       "hint: did you mean \"container/local/web\"?\n"},
      {"labels do not count", "container/local/wed",
       "heal.yml:6:49: error: container/local/wed: not in the inventory (not under inventory.targets in heal.yml)\n"
       "      - {match: ['a=b'], playbook: restart, target: container/local/wed}\n"
       "                                                    ^\n"
       "hint: did you mean \"container/local/web\"?\n"},
      {"listed", "container/local/web", ""},
      {"known at run time only", "'container/local/{{ labels.container }}'", ""},
  }));
  CAPTURE(c.name);
  const Files files;
  files.write("heal.yml", std::string("version: 1\nalertmanagers: [{url: 'http://am'}]\nengines: {local: {unix: /d}}\n"
                                      "inventory: {container_labels: false, targets: [{target: service/api}, "
                                      "{target: container/local/web}]}\nroutes:\n"
                                      "  - {match: ['a=b'], playbook: restart, target: ") +
                              c.target + "}\n");
  files.write("playbooks/restart.yml",
              "version: 1\nplaybook: restart\nmode: auto\nsteps: [{name: r, docker.restart: {}}]\n"
              "verify: {all: [{container: running}]}\nescalate: [page]\n");
  REQUIRE(files.problems() == c.message);
}

TEST_CASE("a secret or certificate that the service could not read is an error at its place, elsewhere a warning") {
  const Files files;
  const auto heal = files.write("heal.yml", R"(version: 1
prometheus: {url: http://p, ca_file: ca.pem}
alertmanagers:
  - url: http://am
    basic_auth: {username: heal, password_file: secrets/am}
  - url: http://am2
    basic_auth: {username: heal, password_file: empty}
)");
  files.write("empty", "\n");
  const auto as = [](const std::string& word) {
    return "heal.yml:2:38: " + word +
           ": \"ca_file\": ca.pem: no such file or directory\n"
           "    prometheus: {url: http://p, ca_file: ca.pem}\n"
           "                                         ^\n"
           "heal.yml:5:49: " +
           word +
           ": \"password_file\": secrets/am: no such file or directory\n"
           "        basic_auth: {username: heal, password_file: secrets/am}\n"
           "                                                    ^\n"
           "heal.yml:7:49: " +
           word +
           ": \"password_file\": empty: is empty (expected a secret)\n"
           "        basic_auth: {username: heal, password_file: empty}\n"
           "                                                    ^\n";
  };
  REQUIRE(files.problems() == as("error"));
  REQUIRE_FALSE(load(heal).bundle);
  REQUIRE(files.without_path(check_files({heal}).render()) == as("warning"));
  files.write("ca.pem", "certificates");
  files.write("secrets/am", "secret\n");
  files.write("empty", "secret");
  REQUIRE(files.problems().empty());
}

TEST_CASE("a path that yields no file is a mistake, and so is a link that leads nowhere") {
  const Files files;
  const auto heal = files.write("heal.yml", "version: 1\n");
  std::filesystem::create_directories(files.file("p/sub"));
  files.write("p/notes.txt", "x");
  REQUIRE(files.without_path(check_files({heal, files.file("p"), files.file("p/*.yml")}).render()) ==
          "error: p: no file to check there (expected *.yml or *.yaml)\n"
          "error: p/*.yml: no file to check there (expected *.yml or *.yaml)\n");
  std::filesystem::create_directories(files.file("playbooks"));
  std::filesystem::create_symlink("nowhere", files.file("playbooks/a.yml"));
  REQUIRE(files.problems() == "error: playbooks/a.yml: no such file or directory\n");
  REQUIRE(files.without_path(check_files({files.file("playbooks")}).render()) ==
          "error: playbooks/a.yml: no such file or directory\n");
}

TEST_CASE("a doubled equals sign in a matcher is questioned") {
  const Files files;
  files.write("heal.yml",
              heal_yml("{match: ['a==b'], playbook: restart, target: container/local/x, params: {grace: 5s}}"));
  files.write("playbooks/restart.yml", kPlaybook);
  REQUIRE(files.problems() ==
          "heal.yml:5:14: warning: the value begins with \"=\": a=\"=b\"\n"
          "      - {match: ['a==b'], playbook: restart, target: container/local/x, params: {grace: 5s}}\n"
          "                 ^\n"
          "hint: did you mean a=\"b\"?\n");
  files.write("heal.yml", heal_yml("{match: ['a==\"b\"'], playbook: restart, target: container/local/x}"));
  REQUIRE(files.problems().find("hint: did you mean a=\"b\"?\n") != std::string::npos);
  files.write("heal.yml", heal_yml("{match: ['a=\"==b\"'], playbook: restart, target: container/local/x, "
                                   "params: {grace: 5s}}"));
  REQUIRE(files.problems().empty());
}

TEST_CASE("a broken playbook is reported once, not also as missing") {
  const Files files;
  files.write("heal.yml", heal_yml("{match: ['a=b'], playbook: restart, target: container/local/x}"));
  files.write("playbooks/restart.yml", "version: 1\nplaybook: restart\nmode: auto\n");
  REQUIRE(files.problems().find("there is no playbook") == std::string::npos);
  REQUIRE_FALSE(load(files.file("heal.yml")).bundle);
}

TEST_CASE("what cannot be read is said") {
  const Files files;
  REQUIRE(files.problems() == "error: heal.yml: no such file or directory\n");
  files.write("heal.yml", "version: 1\nplaybooks: [none.yml]\n");
  REQUIRE(files.problems() ==
          "heal.yml:2:12: error: \"playbooks\": none.yml: no such file or folder\n"
          "    playbooks: [none.yml]\n"
          "               ^\n");
}

TEST_CASE("files of either kind are checked together and all their mistakes reported") {
  const Files files;
  const auto heal = files.write("heal.yml", "version: 1\nalertmanagers: [{url: 'http://am'}]\nwrong: 1\n");
  const auto good = files.write("p/good.yml", kPlaybook);
  files.write("p/bad.yml", "version: 1\nplaybook: bad\nmode: auto\nsteps: []\nverify: {all: [{check: health}]}\n");
  REQUIRE(check_files({good}).empty());
  REQUIRE(files.without_path(check_files({heal, files.file("p")}).render()) ==
          "heal.yml:3:1: error: unknown key \"wrong\" in heal.yml\n    wrong: 1\n    ^\n"
          "hint: expected one of version, engines, prometheus, alertmanagers, playbooks, inventory, allow, defaults, "
          "lever, storm, windows, routes, sources, schedules, retention, workers, faults, notify, users\n"
          "p/bad.yml:4:8: error: \"steps\" must not be empty\n    steps: []\n           ^\n");
  REQUIRE(files.without_path(check_files({files.file("none")}).render()) == "error: none: no such file or folder\n");
}

}  // namespace
}  // namespace heal::playbook
