#pragma once

#include <memory>
#include <vector>

#include "healctl/cli/spec.h"
#include "healctl/context.h"
#include "healctl/exit_code.h"

namespace heal::ctl {

/// One command of healctl: says what its command line looks like, then does it. An object runs at most once.
class Command {
 public:
  virtual ~Command() = default;
  /// Its setters store into this object.
  virtual CommandSpec spec() = 0;
  virtual Exit run(Context& context) = 0;

  /// Whether it needs the settings for the service to be right; completion, for one, must work without.
  enum class Needs { kSettings, kNothing };
  virtual Needs needs() const { return Needs::kSettings; }
};

using Commands = std::vector<std::unique_ptr<Command>>;

// One function per file of this folder; `make_commands` lists them in the order of the help.
std::unique_ptr<Command> make_heal();
std::unique_ptr<Command> make_incidents_list();
std::unique_ptr<Command> make_incidents_show();
std::unique_ptr<Command> make_incidents_watch();
std::unique_ptr<Command> make_incidents_stats();
// operate.cc
std::unique_ptr<Command> make_approve();
std::unique_ptr<Command> make_reject();
std::unique_ptr<Command> make_cancel();
std::unique_ptr<Command> make_retry();
std::unique_ptr<Command> make_simulate_down();
std::unique_ptr<Command> make_simulate_up();
std::unique_ptr<Command> make_faults_list();
std::unique_ptr<Command> make_faults_revert();
// drill.cc
std::unique_ptr<Command> make_drill_run();
std::unique_ptr<Command> make_drill_check();
std::unique_ptr<Command> make_explain();
std::unique_ptr<Command> make_pause();
std::unique_ptr<Command> make_resume();
std::unique_ptr<Command> make_lever();
std::unique_ptr<Command> make_breaker_list();
std::unique_ptr<Command> make_breaker_reset();
std::unique_ptr<Command> make_playbook_check();
std::unique_ptr<Command> make_playbook_plan();
std::unique_ptr<Command> make_playbook_lint();
std::unique_ptr<Command> make_playbook_test();
std::unique_ptr<Command> make_replay();
std::unique_ptr<Command> make_schema();
std::unique_ptr<Command> make_probe();
std::unique_ptr<Command> make_alert_send();
std::unique_ptr<Command> make_audit_verify();
std::unique_ptr<Command> make_backup();
std::unique_ptr<Command> make_restore();
std::unique_ptr<Command> make_doctor();
std::unique_ptr<Command> make_version();
/// `tree` must hold all commands by the time it runs.
std::unique_ptr<Command> make_completion(const CommandTree& tree);

}  // namespace heal::ctl
