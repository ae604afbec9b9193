#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/contract/step/real_rig.h"
#include "tests/support/temp_folder.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using Kind = ActionResult::Kind;

/// Debian's ansible-playbook, with the target reached as this machine itself.
struct AnsibleRig : RealRig {
  explicit AnsibleRig(const std::string& playbook, const std::string& connection = "ansible_connection: local")
      : RealRig(fmt::format("allow: {{ansible: ['{}']}}\ninventory: {{targets: [{{target: service/web-1, labels: {{{}, "
                            "ansible_python_interpreter: /usr/bin/python3}}}}]}}\n",
                            file(playbook), connection)) {
    aim("service/web-1");
  }
  std::string file(const std::string& playbook) { return folder().write("fix.yml", playbook); }
  ActionResult run(const std::string& rest = "") {
    return bench.run(fmt::format("ansible.playbook: {{playbook: '{}'{}}}", folder().file("fix.yml"), rest), 120s);
  }
  static TempFolder& folder() {
    static TempFolder folder;
    return folder;
  }
};

TEST_CASE("ansible-playbook runs on the target, and each task's result is told") {
  AnsibleRig rig(R"(- hosts: all
  gather_facts: false
  tasks:
    - name: write
      ansible.builtin.copy: {dest: "{{ playbook_dir }}/written", content: "{{ text }}"}
    - name: never
      ansible.builtin.debug: {msg: x}
      when: false
    - name: look
      ansible.builtin.command: /bin/true
      changed_when: false
)");
  const std::string rest = ", extra_vars: {text: 'a $(id) \"b\"'}";
  const auto checked = rig.run(rest + ", check: true");
  CHECK(checked.kind == Kind::kDone);
  CHECK_FALSE(std::filesystem::exists(rig.folder().path() / "written"));

  const auto done = rig.run(rest);
  CHECK(done.message == "ansible-playbook ended with exit code 0: ok 2, changed 1, failed 0, skipped 1");
  CHECK(done.notes == std::vector<std::string>{"write, web-1: changed", "never, web-1: skipped", "look, web-1: ok"});
  CHECK(done.outputs.at("changed") == "true");
  std::ifstream written(rig.folder().path() / "written");
  CHECK(std::string(std::istreambuf_iterator<char>(written), {}) == "a $(id) \"b\"");
  CHECK(rig.run(rest).outputs.at("changed") == "false");
}

TEST_CASE("a task that fails fails the step, with its words") {
  AnsibleRig rig(
      "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: break, ansible.builtin.fail: {msg: no way}}\n");
  const auto failed = rig.run();
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message ==
        "ansible-playbook ended with exit code 2: ok 0, changed 0, failed 1, skipped 0; break, web-1: failed (no way)");
}

TEST_CASE("a playbook for other hosts, one that is none, and a host that does not answer are failures") {
  AnsibleRig other("- hosts: databases\n  tasks: [{ansible.builtin.ping: }]\n");
  CHECK(other.run().reason == "no_hosts");
  AnsibleRig broken("- hosts: all\n  tasks: [{no.such.module: }]\n");
  const auto failed = broken.run();
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message.find("no.such.module") != std::string::npos);
  AnsibleRig gone("- hosts: all\n  gather_facts: false\n  tasks: [{name: ping, ansible.builtin.ping: }]\n",
                  "ansible_host: 127.0.0.1, ansible_port: '1', ansible_ssh_timeout: '5'");
  const auto unreachable = gone.run();
  CHECK(unreachable.reason == "unreachable");
  CHECK(unreachable.outputs.at("unreachable") == "1");
}

TEST_CASE("a playbook that runs too long is ended, and what it did is an open question") {
  AnsibleRig rig("- hosts: all\n  gather_facts: false\n  tasks: [{ansible.builtin.command: /bin/sleep 600}]\n");
  const auto late =
      rig.bench.run(fmt::format("ansible.playbook: {{playbook: '{}'}}", rig.folder().file("fix.yml")), 3s);
  CHECK(late.kind == Kind::kUnknown);
  CHECK(late.reason == "timeout");
}

}  // namespace
}  // namespace heal::test
