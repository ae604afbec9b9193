#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/service/controls.h"

namespace heal::ctl {
namespace {

class PauseHealing final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"pause"},
            .summary = "Let nothing new be begun until this pause ends; without a name, list the pauses.",
            .details =
                "What runs goes on, what comes waits. Each pause has a name: healing goes on when the last one has "
                "ended, so nobody can end somebody else's by accident.",
            .arguments = {{.names = "NAME", .help = "of the pause, release-12", .set = into(name_)}},
            .options = {{.names = "--reason", .value = "TEXT", .help = "why", .set = into(reason_)},
                        {.names = "--for", .value = "DURATION", .help = "end by itself after this", .set = into(for_)},
                        {.names = "--dry-run", .help = "only show what would be paused", .set = into(dry_run_)}},
            .examples = {"healctl pause release-12 --reason \"release 12\" --for 1h", "healctl pause"}};
  }

  Exit run(Context& context) override {
    if (name_.empty()) return list(context);
    if (reason_.empty()) {
      context.complain("give the --reason, for those who wonder why nothing is healed");
      return Exit::kUsage;
    }
    if (dry_run_) return show_what_would_be(context);
    Json wish{{"name", name_}, {"reason", reason_}, {"by", asker(context)}};
    if (for_) wish["for"] = format_duration(*for_);
    const auto answer = context.service().post("/pauses", wish);
    if (!answer) return context.fail(answer.error(), Purpose::kChange);
    if (!context.wants_table()) {
      context.print_document(*answer);
    } else {
      const Json* pause = find_member(*answer, "pause");
      context.print(pauses_table(Json{{"pauses", Json::array({pause == nullptr ? Json::object() : *pause})}},
                                 context.clock().now()));
    }
    return Exit::kDone;
  }

 private:
  Exit show_what_would_be(Context& context) const {
    const auto answer = context.service().get("/pauses");
    if (!answer) return context.fail(answer.error());
    const bool is_held = pause_of(*answer, name_) != nullptr;
    if (!context.wants_table()) {
      context.print_document(Json{{"would", !is_held}, {"name", name_}, {"pauses", count_in(*answer, "pauses")}});
    } else if (is_held) {
      context.print(fmt::format("would not begin: there is a pause {} already\n", safe_text(name_)));
    } else {
      context.print(fmt::format("would let nothing new be begun{}; {} other pause(s) in force\n",
                                for_ ? " for " + format_duration(*for_) : " until it is ended",
                                count_in(*answer, "pauses")));
    }
    return is_held ? Exit::kRefused : Exit::kDone;
  }

  Exit list(Context& context) const {
    if (!reason_.empty() || for_) {
      context.complain("a pause needs a NAME");
      return Exit::kUsage;
    }
    const auto answer = context.service().get("/pauses");
    if (!answer) return context.fail(answer.error());
    if (!context.wants_table()) {
      context.print_document(*answer);
    } else if (count_in(*answer, "pauses") == 0) {
      context.say("no pauses");
    } else {
      context.print(pauses_table(*answer, context.clock().now()));
    }
    return Exit::kDone;
  }

  std::string name_, reason_;
  std::optional<Duration> for_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_pause() {
  return std::make_unique<PauseHealing>();
}

}  // namespace heal::ctl
