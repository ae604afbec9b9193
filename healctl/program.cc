#include "healctl/program.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "healctl/cli/help.h"
#include "healctl/cli/parse.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

constexpr std::size_t kHelpWidth = 80;
constexpr std::size_t kWidestHelp = 120;

Commands make_commands(const CommandTree& tree) {
  Commands commands;
  commands.push_back(make_heal());
  commands.push_back(make_incidents_list());
  commands.push_back(make_incidents_show());
  commands.push_back(make_incidents_watch());
  commands.push_back(make_incidents_stats());
  commands.push_back(make_approve());
  commands.push_back(make_reject());
  commands.push_back(make_cancel());
  commands.push_back(make_retry());
  commands.push_back(make_simulate_down());
  commands.push_back(make_simulate_up());
  commands.push_back(make_faults_list());
  commands.push_back(make_faults_revert());
  commands.push_back(make_drill_run());
  commands.push_back(make_drill_check());
  commands.push_back(make_explain());
  commands.push_back(make_pause());
  commands.push_back(make_resume());
  commands.push_back(make_lever());
  commands.push_back(make_breaker_list());
  commands.push_back(make_breaker_reset());
  commands.push_back(make_playbook_check());
  commands.push_back(make_playbook_plan());
  commands.push_back(make_playbook_lint());
  commands.push_back(make_playbook_test());
  commands.push_back(make_replay());
  commands.push_back(make_schema());
  commands.push_back(make_probe());
  commands.push_back(make_alert_send());
  commands.push_back(make_audit_verify());
  commands.push_back(make_backup());
  commands.push_back(make_restore());
  commands.push_back(make_doctor());
  commands.push_back(make_completion(tree));
  commands.push_back(make_version());
  return commands;
}

}  // namespace

Program::Program(Ports ports, Console console, Environment environment)
    : ports_(std::move(ports)), console_(std::move(console)), environment_(std::move(environment)) {
  tree_.global_options = global_option_specs(options_);
  tree_.groups = {{"incidents", "Look at incidents: what broke, what was done, and whether it helped."},
                  {"faults", "Look at and end the faults that were injected."},
                  {"drill", "Rehearse a failure: break, detect, decide, heal, undo."},
                  {"breaker", "Look at and close the breakers of targets that were healed too often."},
                  {"playbook", "Work on playbook files, without a service."},
                  {"audit", "Prove that the journal is what was written."},
                  {"alert", "Send alerts for drills."}};
  commands_ = make_commands(tree_);
  for (const auto& command : commands_)
    tree_.commands.push_back(command->spec());
}

Exit Program::usage_error(const std::vector<std::string>& path, const std::string& message, const std::string& hint) {
  console_.err << "healctl: " << toned("error:", Tone::kBad, colour_for(console_.err_width, environment_)) << ' '
               << safe_text(message) << '\n';
  if (!hint.empty()) console_.err << "hint: " << hint << '\n';
  std::string words;
  for (const auto& word : path)
    words += " " + word;
  console_.err << "Run \"healctl" << words << " --help\" for how to use it.\n" << std::flush;
  return Exit::kUsage;
}

Exit Program::run_command(Command& command, const std::stop_token& stop) {
  auto settings = load_settings(options_, environment_);
  if (!settings) {
    if (command.needs() == Command::Needs::kSettings) {
      console_.err << "healctl: error: " << settings.error().str() << '\n' << std::flush;
      return Exit::kUsage;
    }
    auto problem = settings.error().str();
    GlobalOptions harmless;
    harmless.output = options_.output;
    harmless.timeout = options_.timeout;
    settings = load_settings(harmless, {});
    settings->problem = std::move(problem);
  }
  Context context(ports_, console_, environment_, std::move(*settings), stop);
  for (const auto& remark : context.settings().remarks)
    context.say("healctl: warning: " + remark);
  const auto exit = command.run(context);
  const auto written = finish_output(exit);
  return stop.stop_requested() ? Exit::kInterrupted : written;
}

Exit Program::finish_output(Exit exit) {
  console_.out << std::flush;
  // Whoever reads no further, as `head` does, has what it wanted.
  if (console_.out || (console_.reader_left && console_.reader_left())) return exit;
  console_.err << "healctl: error: standard output could not be written\n" << std::flush;
  return Exit::kFailed;
}

Exit Program::run(const std::vector<std::string>& args, const std::stop_token& stop) {
  const auto invocation = parse_command_line(args, tree_);
  switch (invocation.kind) {
    case Invocation::Kind::kUsageError:
      return usage_error(invocation.path, invocation.message, invocation.hint);
    case Invocation::Kind::kHelp:
      console_.out << help_text(tree_, invocation.path,
                                console_.out_width == 0 ? kHelpWidth : std::min(console_.out_width, kWidestHelp));
      return finish_output(Exit::kDone);
    case Invocation::Kind::kVersion:
      break;
    case Invocation::Kind::kCommand:
      for (std::size_t i = 0; i < commands_.size(); ++i) {
        if (tree_.commands[i].path == invocation.path) return run_command(*commands_[i], stop);
      }
  }
  return run_command(*commands_.back(), stop);
}

}  // namespace heal::ctl
