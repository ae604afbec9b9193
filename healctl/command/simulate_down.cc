#include <utility>

#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/service/faults.h"

namespace heal::ctl {
namespace {

class SimulateDown final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"simulate-down"},
            .summary = "Break a target for a while, so that you can see it healed.",
            .details =
                "The service breaks it, and undoes the fault when the time is over, also when healctl or the "
                "service itself has died meanwhile. Only targets that allow it (heal.simulate=allow) can be "
                "broken.\n"
                "stop: stopped by the engine. kill: SIGKILL through the engine, which does not restart it. "
                "crash: its main process is killed from outside, as a real crash. pause: frozen. partition: "
                "taken off its networks.",
            .arguments = {{.names = "TARGET",
                           .help = "what to break, container/local/nginx",
                           .occurs = Occurs::kRequired,
                           .set = into_target(target_)}},
            .options = {{.names = "--fault",
                         .value = "FAULT",
                         .help = "how (default stop)",
                         .choices = {"stop", "kill", "crash", "pause", "partition"},
                         .set = into(fault_)},
                        {.names = "--for",
                         .value = "DURATION",
                         .help = "undo it after this long (default 60s)",
                         .set = into(for_)},
                        {.names = "--dry-run", .help = "only say whether it would be allowed", .set = into(dry_run_)}},
            .examples = {"healctl simulate-down container/local/nginx --fault pause --for 60s"}};
  }

  Exit run(Context& context) override {
    Json request{{"target", target_}, {"fault", fault_}, {"for", format_duration(*for_)}, {"by", asker(context)}};
    if (dry_run_) request["dry_run"] = true;
    const auto answer = context.service().post("/faults", request);
    if (!answer) return context.fail(answer.error(), dry_run_ ? Purpose::kLook : Purpose::kChange);
    if (!context.wants_table()) {
      context.print_document(*answer);
      return Exit::kDone;
    }
    if (dry_run_) {
      context.print(fmt::format("would {} {} for {}\n", fault_, target_, format_duration(*for_)));
      return Exit::kDone;
    }
    const auto leases = leases_in(*answer, "POST /faults");
    if (!leases) return context.fail(leases.error(), Purpose::kChange);
    for (const auto& lease : *leases) {
      context.print(fmt::format("{}  {} of {}, undone at {}\n", safe_text(lease.id), safe_text(lease.kind), target_,
                                short_utc(lease.deadline)));
    }
    context.say(fmt::format("\"healctl simulate-up {}\" ends it sooner", target_));
    return Exit::kDone;
  }

 private:
  std::string target_, fault_ = "stop";
  std::optional<Duration> for_ = 60s;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_simulate_down() {
  return std::make_unique<SimulateDown>();
}

}  // namespace heal::ctl
