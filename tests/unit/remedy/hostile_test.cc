#include <fstream>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

constexpr const char* kHealWithNote = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
alertmanagers:
  - {url: "http://alertmanager:9093"}
allow:
  commands: [/bin/note]
  hosts: [hook]
routes:
  - match: []
    playbook: note
    target: "container/local/{{ labels.container }}"
    params: {note: "{{ labels.note }}"}
)";

std::string playbook_with(const std::string& step) {
  return "version: 1\nplaybook: note\nsummary: passes a label on\nmode: auto\n"
         "params:\n  note: {type: string, max_length: 4096}\n"
         "steps:\n  - name: tell\n    " +
         step + "\nverify:\n  all: [{container: exited}]\n";
}

/// Sends an alert whose label `note` is `value` and gives the incident when it is over or recovered.
Incident heal_with_note(Rig& rig, const std::string& value) {
  rig.engine->crash("nginx", 1);
  Alert alert = rig.fire();
  alert.labels["note"] = value;
  alert.fingerprint = fingerprint_of(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = "active";
  rig.alertmanager->hold(active);
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.run_until([&] {
    const auto state = rig.newest().state;
    return is_terminal(state) || state == IncidentState::kRecovered;
  });
  return rig.newest();
}

const std::vector<std::string> kHarmless{"$(touch x)", "`touch x`",       "{{ labels.alertname }}", "{{ params.note }}",
                                         "; rm -rf /", "a' \"b\" && c|d", "../../etc/passwd",       "%s%n${HOME}"};

TEST_CASE("hostile label values reach a program as one argument, letter by letter, and no shell or template") {
  for (const auto& value : kHarmless) {
    INFO(value);
    Rig rig(playbook_with("command: {argv: [/bin/note, \"{{ params.note }}\", \"--text={{ params.note }}\"]}"),
            kHealWithNote);
    rig.processes.on("/bin/note", ProcessScript::exits(0));
    CHECK(heal_with_note(rig, value).state == IncidentState::kRecovered);
    const auto runs = rig.processes.runs();
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].argv == std::vector<std::string>{"/bin/note", value, "--text=" + value});
    CHECK(runs[0].working_directory == "/");
    CHECK(rig.changes().empty());
  }
}

TEST_CASE("label values that could be options, split lines, or are too long stop the plan") {
  for (const auto& value : {std::string("--rm"), std::string("-x"), std::string("one\ntwo"), std::string("nul\0l", 5),
                            std::string("\x1b[2J"), std::string(64 << 10, 'a')}) {
    INFO(printable(value, 20));
    Rig rig(playbook_with("command: {argv: [/bin/note, \"{{ params.note }}\"]}"), kHealWithNote);
    rig.processes.on("/bin/note", ProcessScript::exits(0));
    const Incident incident = heal_with_note(rig, value);
    CHECK(is_terminal(incident.state));
    CHECK((incident.reason == "plan_invalid" || incident.reason == "no_target"));
    CHECK(incident.message.size() < 2000);
    CHECK(incident.message.find_first_of(std::string("\n\x1b\0", 3)) == std::string::npos);
    CHECK(rig.processes.runs().empty());
  }
}

TEST_CASE("hostile label values cannot change where a request goes") {
  for (const auto& value : kHarmless) {
    if (value.find('/') != std::string::npos) continue;  // refused below
    INFO(value);
    Rig rig(playbook_with("http.request: {url: \"http://hook/a/{{ params.note }}\", method: POST, body: \"{{ "
                          "params.note }}\"}"),
            kHealWithNote);
    rig.http.on("*", "http://hook/*", HttpAnswer::of(200));
    CHECK(heal_with_note(rig, value).state == IncidentState::kRecovered);
    const auto requests = rig.http.requests();
    REQUIRE(requests.size() == 1);
    REQUIRE(requests[0].url.starts_with("http://hook/a/"));
    CHECK(requests[0].url.substr(14).find_first_of("/?#`'\" {}$;|&") == std::string::npos);
    CHECK(requests[0].body == value);
  }
  for (const std::string value : {"..", ".", "../../etc/passwd", "..%2Fadmin", "; rm -rf /", "one\r\nHost: evil"}) {
    INFO(value);
    Rig rig(playbook_with("http.request: {url: \"http://hook/a/{{ params.note }}\"}"), kHealWithNote);
    rig.http.on("*", "http://hook/*", HttpAnswer::of(200));
    CHECK(is_terminal(heal_with_note(rig, value).state));
    CHECK(rig.http.requests().empty());
  }
}

TEST_CASE("a header from a file is sent as the file stands when the step runs, and is written down nowhere") {
  const heal::test::TempFolder folder;
  const auto write = [&](std::string_view text) { std::ofstream(folder.path() / "token", std::ios::trunc) << text; };
  Rig rig(playbook_with("http.request: {url: \"http://hook/\", headers: {Cookie: hunter2}, headers_files: {X-Token: " +
                        (folder.path() / "token").string() + "}}"),
          kHealWithNote);
  rig.http.on("*", "http://hook/*", HttpAnswer::of(200));
  SECTION("a good one") {
    write("swordfish\n");
    CHECK(heal_with_note(rig, "x").state == IncidentState::kRecovered);
    const auto requests = rig.http.requests();
    REQUIRE(requests.size() == 1);
    CHECK(requests[0].headers ==
          std::vector<std::pair<std::string, std::string>>{{"Cookie", "hunter2"}, {"X-Token", "swordfish"}});
  }
  SECTION("several lines, or nothing at all") {
    if (GENERATE(true, false)) write("swordfish\nX-Other: 1\n");
    CHECK(heal_with_note(rig, "x").state == IncidentState::kFailed);
    CHECK(rig.http.requests().empty());
  }
  std::string journal;
  const auto entries = rig.memory->entries_after(0, 1000).value();
  for (const auto& entry : entries)
    journal += entry.message + entry.data;
  CHECK(journal.find("hunter2") == std::string::npos);
  CHECK(journal.find("swordfish") == std::string::npos);
  CHECK(journal.find("<secret>") != std::string::npos);
}

TEST_CASE("a hostile name of a container leads to no target") {
  for (const std::string name : {"../nginx", "$(touch x)", "`x`", "nginx/../other", "{{ labels.note }}", "-f", "a\nb",
                                 "nginx?force=1", "NGINX%2f..", ""}) {
    INFO(name);
    Rig rig;
    REQUIRE(rig.post(Rig::group_of({rig.fire(name)}))->accepted == 1);
    rig.run_until([&] { return is_terminal(rig.newest().state); });
    CHECK(rig.newest().state == IncidentState::kUnmatched);
    CHECK(rig.changes().empty());
  }
  Rig rig;
  REQUIRE(rig.post(Rig::group_of({rig.fire(std::string(64 << 10, 'n'))}))->accepted == 1);
  rig.run_until([&] { return is_terminal(rig.newest().state); });
  CHECK(rig.newest().state == IncidentState::kUnmatched);
  CHECK(rig.engine->calls().empty());
}

}  // namespace
}  // namespace heal::remedy::test
