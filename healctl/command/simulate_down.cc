#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/fault/fault.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/direct/reach.h"
#include "healctl/output/text.h"
#include "healctl/service/faults.h"

namespace heal::ctl {
namespace {

class SimulateDown final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"simulate-down"},
            .summary = "Break a target for a while, so that you can see it healed.",
            .details = details(),
            .arguments = {{.names = "TARGET",
                           .help = "what to break, container/local/nginx",
                           .occurs = Occurs::kRequired,
                           .set = into_target(target_)}},
            .options = with_direct(
                {{.names = "--fault",
                  .value = "FAULT",
                  .help = "how (default stop)",
                  .choices = fault::fault_kinds(),
                  .set = into(fault_)},
                 {.names = "--set",
                  .value = "NAME=VALUE",
                  .help = "a parameter of the fault",
                  .occurs = Occurs::kRepeated,
                  .set = into_pairs(params_)},
                 {.names = "--for",
                  .value = "DURATION",
                  .help = "undo it after this long (default 60s)",
                  .set = into(for_)},
                 {.names = "--ignore-blast-radius",
                  .help = "also when another of its group is broken or being healed, or too few would be left",
                  .set = into(ignore_blast_radius_)},
                 {.names = "--yes-really",
                  .help = "also in production (label heal.environment=production)",
                  .set = into(yes_really_)},
                 {.names = "--page",
                  .help = "call people as usual when it cannot be healed; they are not told of other drills",
                  .set = into(page_)},
                 {.names = "--dry-run", .help = "only say whether it would be allowed", .set = into(dry_run_)}},
                direct_),
            .examples = {"healctl simulate-down container/local/nginx --fault pause --for 60s",
                         "healctl simulate-down container/local/api --fault dependency --set to=db:5432",
                         "healctl simulate-down container/local/api --fault memory --set percent=80 --for 5m",
                         "healctl simulate-down container/local/nginx --fault kill --direct"}};
  }

  Exit run(Context& context) override {
    if (const Status fits = check_params(); !fits) {
      context.complain(fits.error().message(), "see \"healctl simulate-down --help\"");
      return Exit::kUsage;
    }
    if (const auto failed = reach_keeper(context, direct_, Binds::kAll)) return *failed;
    Json request{{"target", target_}, {"fault", fault_}, {"for", format_duration(*for_)}, {"by", asker(context)}};
    if (!params_.empty()) request["with"] = params_;
    if (ignore_blast_radius_) request["ignore_blast_radius"] = true;
    if (yes_really_) request["yes_really"] = true;
    if (page_) request["page"] = true;
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
    context.say(
        fmt::format("\"healctl simulate-up {}{}\" ends it sooner", target_, context.is_direct() ? " --direct" : ""));
    return Exit::kDone;
  }

 private:
  static std::string words_of(const fault::ParamSpec& param) {
    std::string text(param.help);
    if (param.type != fault::ParamSpec::Type::kText) text += "; " + param.expected();
    if (param.is_required) text += "; required";
    if (!param.fallback.empty()) text += fmt::format(" (default {})", param.fallback);
    return text;
  }

  /// A list of the kinds and their parameters, from themselves.
  static std::string details() {
    std::string text =
        "The service breaks it, and undoes the fault when the time is over, also when healctl or the service itself "
        "has died meanwhile. Only targets that allow it (heal.simulate=allow) can be broken.\n"
        "With --direct no service is asked: a process that this command leaves behind holds the fault, undoes it and "
        "ends. The target's engine is \"local\" then.";
    for (const std::string& kind : fault::fault_kinds()) {
      const fault::Fault* fault = fault::find_fault(kind);
      text += fmt::format("\n{}: {}.", kind, fault->summary());
      for (const fault::ParamSpec& param : fault->params())
        text += fmt::format("\n  --set {}=…: {}", param.name, words_of(param));
    }
    return text;
  }

  Status check_params() const {
    const fault::Fault* fault = fault::find_fault(fault_);
    HEAL_TRY(const auto params, fault::read_params(fault_, fault->params(), params_));
    return fault->check_params(params);
  }

  std::string target_, fault_ = "stop";
  std::map<std::string, std::string> params_;
  std::optional<Duration> for_ = 60s;
  bool dry_run_ = false, ignore_blast_radius_ = false, yes_really_ = false, page_ = false;
  DirectOptions direct_;
};

}  // namespace

std::unique_ptr<Command> make_simulate_down() {
  return std::make_unique<SimulateDown>();
}

}  // namespace heal::ctl
