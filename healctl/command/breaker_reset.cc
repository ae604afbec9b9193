#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/service/controls.h"

namespace heal::ctl {
namespace {

class BreakerReset final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"breaker", "reset"},
        .summary = "Close breakers after you have looked: their targets are healed again, with a new budget.",
        .arguments = {{.names = "PLAYBOOK", .help = "of this playbook only", .set = into(playbook_)}},
        .options =
            {{.names = "--target", .value = "TARGET", .help = "on this target only", .set = into_target(target_)},
             {.names = "--all", .help = "every open breaker", .set = into(all_)},
             {.names = "--reason", .value = "TEXT", .help = "what you found", .set = into(reason_)},
             {.names = "--dry-run", .help = "only show what would be closed", .set = into(dry_run_)}},
        .examples = {"healctl breaker reset restart-container --target container/local/nginx --reason \"disk full\"",
                     "healctl breaker reset --all --dry-run"}};
  }

  Exit run(Context& context) override {
    if ((playbook_.empty() && target_.empty()) != all_) {
      context.complain("give a PLAYBOOK, a --target, or both; or --all");
      return Exit::kUsage;
    }
    if (dry_run_) return show_what_would_close(context);
    const auto answer = context.service().post(
        "/breakers/reset",
        Json{{"playbook", playbook_}, {"target", target_}, {"all", all_}, {"reason", reason_}, {"by", asker(context)}});
    if (!answer) return context.fail(answer.error(), Purpose::kChange);
    if (!context.wants_table()) {
      context.print_document(*answer);
    } else {
      context.print(breakers_table(*answer, context.clock().now()));
      context.say(fmt::format("{} closed", count_in(*answer, "breakers")));
    }
    return Exit::kDone;
  }

 private:
  bool is_chosen(const Json& breaker) const {
    const auto text = [&](std::string_view name) {
      return get_optional_string(breaker, name).value_or(std::nullopt).value_or("");
    };
    return all_ ||
           ((playbook_.empty() || playbook_ == text("playbook")) && (target_.empty() || target_ == text("target")));
  }

  Exit show_what_would_close(Context& context) const {
    const auto answer = context.service().get("/breakers");
    if (!answer) return context.fail(answer.error());
    Json chosen = Json::array();
    if (const Json* list = find_member(*answer, "breakers"); list != nullptr && list->is_array()) {
      for (const Json& breaker : *list) {
        if (is_chosen(breaker)) chosen.push_back(breaker);
      }
    }
    const bool is_empty = chosen.empty();
    const Json document{{"breakers", std::move(chosen)}};
    if (!context.wants_table()) {
      context.print_document(document);
    } else if (is_empty) {
      context.say("nothing would be closed");
    } else {
      context.print(breakers_table(document, context.clock().now()));
    }
    return Exit::kDone;
  }

  std::string playbook_, target_, reason_;
  bool all_ = false, dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_breaker_reset() {
  return std::make_unique<BreakerReset>();
}

}  // namespace heal::ctl
