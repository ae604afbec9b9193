#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/action.h"
#include "common/remedy/action/ansible_report.h"
#include "common/remedy/action/exit.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostReport = 8 << 20;
constexpr int kNoSuchProgram = 127;  // of env

/// `name:` with a comma is Ansible's way to give hosts instead of a file; `@` and `:` would mean something else.
bool is_host_name(std::string_view name) {
  return name.find_first_of("@:,") == std::string_view::npos;
}

ProcessSpec spec_of(const playbook::Arguments& arguments, const std::string& host) {
  Json variables = Json::object();
  for (const char* map : {"connection", "extra_vars"}) {
    if (!arguments.has(map)) continue;
    for (const auto& [name, value] : arguments.text_map(map))
      variables[name] = value;
  }
  ProcessSpec spec;
  spec.argv = {
      "/usr/bin/env", "ansible-playbook", "-i", host + ",", "--limit", host, "-e", fmt::format("@{}", kPrivateFile)};
  // Everybody on this machine can read a program's arguments, and passwords may be among these.
  spec.private_text = dump(variables);
  if (arguments.has("tags") && !arguments.texts("tags").empty()) {
    spec.argv.push_back("--tags");
    spec.argv.push_back(fmt::format("{}", fmt::join(arguments.texts("tags"), ",")));
  }
  if (arguments.flag("check")) spec.argv.push_back("--check");
  const std::string& playbook = arguments.text("playbook");
  spec.argv.push_back(playbook);
  // Its folder may hold an ansible.cfg and roles. HOME is left out: the user's own is found by the user's entry.
  spec.working_directory = playbook.substr(0, std::max<std::size_t>(1, playbook.rfind('/')));
  spec.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                      {"LC_ALL", "C.UTF-8"},
                      {"ANSIBLE_STDOUT_CALLBACK", "json"},
                      {"ANSIBLE_RETRY_FILES_ENABLED", "0"},
                      {"ANSIBLE_NOCOLOR", "1"}};
  spec.max_output_bytes = kMostReport;
  return spec;
}

ActionResult of_report(const AnsibleReport& report, const ProcessOutcome& outcome) {
  ActionResult result;
  result.notes = report.notes;
  result.outputs = {{"exit_code", fmt::format("{}", outcome.exit_code)},
                    {"changed", report.changed > 0 ? "true" : "false"},
                    {"ok", fmt::format("{}", report.ok)},
                    {"changed_tasks", fmt::format("{}", report.changed)},
                    {"failed_tasks", fmt::format("{}", report.failed)},
                    {"skipped_tasks", fmt::format("{}", report.skipped)},
                    {"unreachable", fmt::format("{}", report.unreachable)}};
  result.message = fmt::format("ansible-playbook ended with exit code {}: ok {}, changed {}, failed {}, skipped {}",
                               outcome.exit_code, report.ok, report.changed, report.failed, report.skipped);
  if (!report.first_failure.empty()) result.message += "; " + report.first_failure;
  if (!report.has_hosts) {
    // Exit code 0 all the same: nothing was asked of this host.
    result.reason = "no_hosts";
    result.message += "; no play is for this host";
  } else if (report.unreachable > 0) {
    result.reason = "unreachable";
  } else if (outcome.exit_code != 0 || report.failed > 0) {
    result.reason = "exit_code";
  } else {
    result.kind = ActionResult::Kind::kDone;
    result.reason = "done";
  }
  return result;
}

ActionResult result_of(const ProcessOutcome& outcome) {
  if (outcome.exit_code == kNoSuchProgram)
    return ActionResult::failed("not_found", "ansible-playbook is not installed on this machine");
  if (outcome.output_truncated)
    return ActionResult::failed(
        "too_large", fmt::format("ansible-playbook ended with exit code {}, and said too much", outcome.exit_code));
  auto report = parse_ansible_report(outcome.output);
  if (report.has_value()) return of_report(*report, outcome);
  const std::string words = printable(trim(outcome.errors.empty() ? outcome.output : outcome.errors), 300);
  return ActionResult::failed(
      outcome.exit_code == 0 ? "protocol" : "exit_code",
      fmt::format("ansible-playbook ended with exit code {}; {}: {}", outcome.exit_code, report.error().str(), words));
}

ActionResult run_playbook(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  const auto& arguments = scope.step.arguments;
  const auto& allowed = scope.world.bundle.config.allow.ansible;
  if (std::find(allowed.begin(), allowed.end(), arguments.text("playbook")) == allowed.end())
    return ActionResult::failed("refused", "the playbook is not under allow.ansible in heal.yml");
  const std::string host = scope.step.target.value_or(scope.plan.target).name;
  if (!is_host_name(host))
    return ActionResult::failed("invalid", fmt::format("{} cannot be a host's name in Ansible", host));
  auto outcome = scope.tools.processes.run(spec_of(arguments, host), deadline, std::move(stop));
  // Nothing ran: that much is known.
  if (!outcome.has_value())
    return ActionResult::failed(std::string(to_string(outcome.error().code())), outcome.error().str());
  switch (outcome->end) {
    case ProcessOutcome::End::kExited:
      return with_left_over(result_of(*outcome), *outcome);
    case ProcessOutcome::End::kSignalled:
      return ActionResult::unknown("signal", fmt::format("ansible-playbook was ended by signal {}", outcome->signal));
    case ProcessOutcome::End::kTimedOut:
      return ActionResult::unknown("timeout", fmt::format("ansible-playbook did not end within {} and was killed",
                                                          format_duration(scope.step.timeout)));
    case ProcessOutcome::End::kStopped:
      return ActionResult::unknown("cancelled", "ansible-playbook was stopped half-way");
  }
  return {};
}

}  // namespace

const ActionKind kAnsiblePlaybook{"ansible.playbook", nullptr, run_playbook, nullptr};

}  // namespace heal::remedy
