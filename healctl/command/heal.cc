#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/heal_outcome.h"
#include "common/model/target.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/service/follow.h"

namespace heal::ctl {
namespace {

class Heal final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"heal"},
        .summary = "Run a playbook on a target now, under the same guards and journal as an alert would.",
        .details =
            "With --wait it stays until the heal is over, and the exit code says how: 0 verified, 4 refused "
            "by a guard, 5 waiting for approval, 6 unknown, 8 ran and the problem persists.",
        .arguments = {{.names = "PLAYBOOK", .help = "its name", .occurs = Occurs::kRequired, .set = into(playbook_)}},
        .options = {{.names = "--target",
                     .value = "TARGET",
                     .help = "what to heal, container/local/nginx",
                     .occurs = Occurs::kRequired,
                     .set = into_target(target_)},
                    {.names = "--set",
                     .value = "NAME=VALUE",
                     .help = "a parameter of the playbook",
                     .occurs = Occurs::kRepeated,
                     .set = into_pairs(params_)},
                    {.names = "--dry-run",
                     .help = "show what would be done and why; change nothing",
                     .set = into(dry_run_)},
                    {.names = "--wait", .help = "stay until it is over (--timeout, default 10m)", .set = into(wait_)}},
        .examples = {"healctl heal restart-container --target container/local/nginx --set grace=2s --wait",
                     "healctl heal restart-container --target container/local/nginx --dry-run"}};
  }

  Exit run(Context& context) override {
    const Json request{{"playbook", playbook_},
                       {"target", target_},
                       {"params", params_},
                       {"dry_run", dry_run_},
                       {"by", asker(context)}};
    const auto answer = context.service().post("/heals", request);
    if (!answer) return context.fail(answer.error(), dry_run_ ? Purpose::kLook : Purpose::kChange);
    if (dry_run_) return show_plan(context, *answer);
    const auto id = get_string(*answer, "incident");
    if (!id) {
      return context.fail(make_error(ErrorCode::kProtocol, "POST /heals: {}", id.error().message()), Purpose::kChange);
    }
    if (wait_) return wait_for(context, *id);
    if (context.wants_table()) {
      context.print(safe_text(*id) + "\n");
      context.say(fmt::format("accepted; \"healctl incidents show {}\" tells how it goes", *id));
    } else {
      context.print_document(*answer);
    }
    return Exit::kDone;
  }

 private:
  static Exit show_plan(Context& context, const Json& answer) {
    const auto* decision = find_member(answer, "decision");
    const auto result = decision == nullptr ? "" : get_string(*decision, "result", "/decision").value_or("");
    const auto exit = result == "allow" || result == "stale" ? Exit::kDone
                      : result == "ask"                      ? Exit::kWaiting
                                                             : Exit::kRefused;
    if (!context.wants_table()) {
      context.print_document(answer);
      return exit;
    }
    const auto reason = get_optional_string(answer, "reason").value_or(std::nullopt).value_or("");
    const auto message = get_optional_string(answer, "message").value_or(std::nullopt).value_or("");
    const auto verdict = result == "allow" ? toned("would run", Tone::kGood, context.colour())
                                           : toned("would not run", Tone::kWarning, context.colour());
    context.print(fmt::format("{}{}{}\n", verdict, reason.empty() ? "" : fmt::format(" ({})", safe_text(reason)),
                              message.empty() ? "" : ": " + safe_text(message)));
    const auto plan = get_optional_string(answer, "explain").value_or(std::nullopt).value_or("");
    if (!trim(plan).empty()) context.print("\n" + safe_lines(plan));
    return exit;
  }

  static Exit wait_for(Context& context, const std::string& id) {
    context.say("incident " + id);
    const auto deadline = context.clock().deadline_in(context.settings().timeout.value_or(kWaitTimeout));
    auto awaited = await_incident(context, id, deadline, exit_of);
    if (!awaited.story) return awaited.exit;
    const auto& incident = awaited.story->incident;
    if (!context.wants_table()) {
      context.print_document(awaited.story->document);
      return awaited.exit;
    }
    const auto recovery = time_to_recover(incident);
    context.print(fmt::format("{}  {}  {}{}\n", safe_text(incident.id),
                              toned(to_string(incident.state), tone_of(incident.state), context.colour()),
                              safe_text(incident.message),
                              recovery ? fmt::format(" (in {})", format_duration_short(*recovery)) : ""));
    return awaited.exit;
  }

  std::string playbook_, target_;
  std::map<std::string, std::string> params_;
  bool dry_run_ = false, wait_ = false;
};

}  // namespace

std::unique_ptr<Command> make_heal() {
  return std::make_unique<Heal>();
}

}  // namespace heal::ctl
