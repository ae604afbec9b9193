#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/service/controls.h"

namespace heal::ctl {
namespace {

class BreakerList final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"breaker", "list"},
            .summary = "List the open breakers: targets that were healed too often, and wait for a person.",
            .examples = {"healctl breaker list"}};
  }

  Exit run(Context& context) override {
    const auto answer = context.service().get("/breakers");
    if (!answer) return context.fail(answer.error());
    if (!context.wants_table()) {
      context.print_document(*answer);
    } else if (count_in(*answer, "breakers") == 0) {
      context.say("no open breakers");
    } else {
      context.print(breakers_table(*answer, context.clock().now()));
    }
    return Exit::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> make_breaker_list() {
  return std::make_unique<BreakerList>();
}

}  // namespace heal::ctl
