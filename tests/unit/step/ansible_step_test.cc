#include <catch2/catch.hpp>

#include "common/remedy/action/ansible_report.h"
#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using Kind = ActionResult::Kind;

const char* const kReport = R"(some words before
{"plays":[{"play":{"name":"all"},"tasks":[
  {"task":{"name":"say"},"hosts":{"web-1":{"changed":true}}},
  {"task":{"name":"skip"},"hosts":{"web-1":{"changed":false,"skipped":true}}},
  {"task":{"name":"look"},"hosts":{"web-1":{"changed":false}}},
  {"task":{"name":"break"},"hosts":{"web-1":{"changed":true,"failed":true,"msg":"non-zero return code"}}}]}],
 "stats":{"web-1":{"changed":1,"failures":1,"ignored":0,"ok":2,"rescued":0,"skipped":1,"unreachable":0}}})";

struct AnsibleRig : SimRig {
  AnsibleRig()
      : SimRig(
            "allow: {ansible: [/etc/heal/fix.yml]}\n"
            "inventory: {targets: [{target: service/web-1, labels: {ansible_host: 10.0.0.1, ansible_user: ops, tier: "
            "a}}, "
            "{target: service/other}]}\n") {
    aim("service/web-1");
    says(0, R"({"plays":[],"stats":{"web-1":{"ok":3,"changed":0}}})");
  }
  void aim(const std::string& id) {
    bench.set_target({TargetId::parse(id).value(), "", {}, std::nullopt, playbook::Simulate::kRefuse});
  }
  void says(int exit_code, const std::string& output, const std::string& errors = "") {
    processes.on("/usr/bin/env", ProcessScript::exits(exit_code, output, errors));
  }
};

TEST_CASE("a playbook of Ansible's runs for the target alone, by argv, with its connection from heal.yml") {
  AnsibleRig rig;
  rig.bench.set_labels({{"v", "1.2 $(id)"}});
  const auto done = rig.bench.run(
      "ansible.playbook: {playbook: /etc/heal/fix.yml, extra_vars: {version: '{{ labels.v }}'}, tags: [fast, safe], "
      "check: true}");
  CHECK(done.kind == Kind::kDone);
  CHECK(done.outputs.at("changed") == "false");
  REQUIRE(rig.processes.runs().size() == 1);
  const ProcessSpec spec = rig.processes.runs()[0];
  const std::string variables = R"x({"ansible_host":"10.0.0.1","ansible_user":"ops","version":"1.2 $(id)"})x";
  CHECK(spec.argv == std::vector<std::string>{"/usr/bin/env", "ansible-playbook", "-i", "web-1,", "--limit", "web-1",
                                              "-e", "@{private file}", "--tags", "fast,safe", "--check",
                                              "/etc/heal/fix.yml"});
  CHECK(spec.private_text == variables);  // not among the arguments, which everybody can read
  CHECK(spec.working_directory == "/etc/heal");
  CHECK(spec.environment.at("ANSIBLE_STDOUT_CALLBACK") == "json");
}

TEST_CASE("each task's result is a note, and the totals are outputs") {
  AnsibleRig rig;
  rig.says(2, kReport);
  const auto failed = rig.bench.run("ansible.playbook: {playbook: /etc/heal/fix.yml}");
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.reason == "exit_code");
  CHECK(failed.message ==
        "ansible-playbook ended with exit code 2: ok 2, changed 1, failed 1, skipped 1; break, web-1: failed "
        "(non-zero return code)");
  CHECK(failed.notes == std::vector<std::string>{"say, web-1: changed", "skip, web-1: skipped", "look, web-1: ok",
                                                 "break, web-1: failed (non-zero return code)"});
  CHECK(failed.outputs == std::map<std::string, std::string, std::less<>>{{"exit_code", "2"},
                                                                          {"changed", "true"},
                                                                          {"ok", "2"},
                                                                          {"changed_tasks", "1"},
                                                                          {"failed_tasks", "1"},
                                                                          {"skipped_tasks", "1"},
                                                                          {"unreachable", "0"}});
}

TEST_CASE("exit code 0 for a playbook that is for no such host is a failure") {
  AnsibleRig rig;
  rig.says(0, R"({"plays":[],"stats":{}})");
  CHECK(rig.bench.run("ansible.playbook: {playbook: /etc/heal/fix.yml}").reason == "no_hosts");
}

TEST_CASE("what is no report, or no Ansible at all, is said") {
  AnsibleRig rig;
  rig.says(127, "", "env: 'ansible-playbook': No such file or directory\n");
  CHECK(rig.bench.run("ansible.playbook: {playbook: /etc/heal/fix.yml}") ==
        ActionResult::failed("not_found", "ansible-playbook is not installed on this machine"));
  rig.says(4, "", "ERROR! the playbook could not be found\n");
  CHECK(rig.bench.run("ansible.playbook: {playbook: /etc/heal/fix.yml}").message ==
        "ansible-playbook ended with exit code 4; ansible-playbook's report cannot be read: there is none (is the "
        "callback plugin json installed?): ERROR! the playbook could not be found");
  CHECK(remedy::parse_ansible_report("{\"plays\": 1}").error().code() == ErrorCode::kProtocol);
  CHECK(remedy::parse_ansible_report("{oops").error().code() == ErrorCode::kProtocol);
}

TEST_CASE("a run that is not waited for is an open question for a human") {
  AnsibleRig rig;
  rig.processes.on("/usr/bin/env", ProcessScript::exits(0, "", "", 1h));
  CHECK(rig.bench.run("ansible.playbook: {playbook: /etc/heal/fix.yml}").kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == remedy::Probed::kUnknown);
}

TEST_CASE("nothing runs but what is allow-listed, on targets of heal.yml, with values that Ansible does not evaluate") {
  AnsibleRig rig;
  CHECK(rig.bench.refusal("ansible.playbook: {playbook: /tmp/evil.yml}") ==
        "playbook p: step s: /tmp/evil.yml is not under allow.ansible in heal.yml");
  for (const std::string bad : {"{{ lookup('pipe', 'id') }}", "a {% if x %}", "{# x"}) {
    rig.bench.set_labels({{"v", bad}});
    CHECK(rig.bench.refusal("ansible.playbook: {playbook: /etc/heal/fix.yml, extra_vars: {v: '{{ labels.v }}'}}") ==
          "playbook p: step s: argument extra_vars: \"v\" holds what Ansible would take for a template");
  }
  CHECK(rig.bench.refusal("ansible.playbook: {playbook: /etc/heal/fix.yml, extra_vars: {ansible_host: evil}}") ==
        "playbook p: step s: argument extra_vars: \"ansible_host\" is not a variable that may be set");
  CHECK(rig.bench.refusal("ansible.playbook: {playbook: /etc/heal/fix.yml, tags: ['a,b']}") ==
        "playbook p: step s: argument tags: \"a,b\" is not a tag");
  rig.aim("container/local/web");
  CHECK(rig.bench.refusal("ansible.playbook: {playbook: /etc/heal/fix.yml}") ==
        "playbook p: step s: container/local/web is not under inventory.targets in heal.yml, where Ansible's targets "
        "are");
  CHECK(rig.processes.runs().empty());
}

}  // namespace
}  // namespace heal::test
