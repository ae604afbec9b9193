#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/service/controls.h"

namespace heal::ctl {
namespace {

class Resume final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"resume"},
            .summary = "End a pause. Healing goes on when no other is in force.",
            .arguments = {{.names = "NAME", .help = "of the pause", .occurs = Occurs::kRequired, .set = into(name_)}},
            .options = {{.names = "--dry-run", .help = "only show what would be ended", .set = into(dry_run_)}},
            .examples = {"healctl resume release-12"}};
  }

  Exit run(Context& context) override {
    if (dry_run_) return show_what_would_be(context);
    const auto path = fmt::format("/pauses/{}?by={}", percent_encode(name_), percent_encode(asker(context)));
    const auto answer = context.service().remove(path);
    if (!answer) return context.fail(answer.error(), Purpose::kChange);
    if (!context.wants_table()) {
      context.print_document(*answer);
      return Exit::kDone;
    }
    const std::size_t left = count_in(*answer, "pauses");
    if (left == 0) {
      context.say("ended; healing goes on");
      return Exit::kDone;
    }
    context.say(fmt::format("ended; still paused by {} other(s):", left));
    context.print(pauses_table(*answer, context.clock().now()));
    return Exit::kDone;
  }

 private:
  Exit show_what_would_be(Context& context) const {
    const auto answer = context.service().get("/pauses");
    if (!answer) return context.fail(answer.error());
    const Json* pause = pause_of(*answer, name_);
    if (pause == nullptr) return context.fail(make_error(ErrorCode::kNotFound, "there is no pause {}", name_));
    if (!context.wants_table()) {
      context.print_document(Json{{"pause", *pause}});
      return Exit::kDone;
    }
    context.print(pauses_table(Json{{"pauses", Json::array({*pause})}}, context.clock().now()));
    context.say(fmt::format("would end; {} other(s) stay in force", count_in(*answer, "pauses") - 1));
    return Exit::kDone;
  }

  std::string name_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_resume() {
  return std::make_unique<Resume>();
}

}  // namespace heal::ctl
