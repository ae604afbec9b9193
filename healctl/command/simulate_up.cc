#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/direct/reach.h"
#include "healctl/service/faults.h"

namespace heal::ctl {
namespace {

class SimulateUp final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"simulate-up"},
            .summary = "End all faults that were injected into a target, now.",
            .details =
                "What broke without us is not touched. Without an active fault there is nothing to do, and "
                "that is success.",
            .arguments = {{.names = "TARGET",
                           .help = "as given to simulate-down",
                           .occurs = Occurs::kRequired,
                           .set = into_target(target_)}},
            .options = with_direct(
                {{.names = "--dry-run", .help = "only show what would be ended", .set = into(dry_run_)}}, direct_),
            .examples = {"healctl simulate-up container/local/nginx",
                         "healctl simulate-up container/local/nginx --direct"}};
  }

  Exit run(Context& context) override {
    if (const auto failed = reach_keeper(context, direct_, Binds::kGiven)) return *failed;
    if (dry_run_) {
      return show_what_would_end(context, [this](const FaultLease& lease) { return lease.target.str() == target_; });
    }
    const auto answer = context.service().post("/faults/revert", Json{{"target", target_}, {"by", asker(context)}});
    if (!answer) return context.fail(answer.error(), Purpose::kChange);
    return report_reverted(context, *answer, "POST /faults/revert");
  }

 private:
  std::string target_;
  bool dry_run_ = false;
  DirectOptions direct_;
};

}  // namespace

std::unique_ptr<Command> make_simulate_up() {
  return std::make_unique<SimulateUp>();
}

}  // namespace heal::ctl
