#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/direct/reach.h"
#include "healctl/service/faults.h"

namespace heal::ctl {
namespace {

class FaultsRevert final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"faults", "revert"},
        .summary = "End one injected fault, or all of them, and check that it is undone.",
        .arguments = {{.names = "ID", .help = "as \"faults list\" shows it", .set = into(id_)}},
        .options = with_direct({{.names = "--all", .help = "every active fault", .set = into(all_)},
                                {.names = "--dry-run", .help = "only show what would be ended", .set = into(dry_run_)}},
                               direct_),
        .examples = {"healctl faults revert --all", "healctl faults revert --all --direct"}};
  }

  Exit run(Context& context) override {
    if (id_.empty() != all_) {
      context.complain("give the ID of one fault, or --all");
      return Exit::kUsage;
    }
    if (const auto failed = reach_keeper(context, direct_, Binds::kGiven)) return *failed;
    if (dry_run_)
      return show_what_would_end(context, [this](const FaultLease& lease) { return all_ || lease.id == id_; });
    if (all_) {
      const auto answer = context.service().post("/faults/revert", Json{{"all", true}, {"by", asker(context)}});
      if (!answer) return context.fail(answer.error(), Purpose::kChange);
      return report_reverted(context, *answer, "POST /faults/revert");
    }
    const auto path = "/faults/" + percent_encode(id_);
    const auto answer = context.service().remove(path);
    if (!answer) return context.fail(answer.error(), Purpose::kChange);
    return report_reverted(context, *answer, "DELETE " + path);
  }

 private:
  std::string id_;
  bool all_ = false, dry_run_ = false;
  DirectOptions direct_;
};

}  // namespace

std::unique_ptr<Command> make_faults_revert() {
  return std::make_unique<FaultsRevert>();
}

}  // namespace heal::ctl
