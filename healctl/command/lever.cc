#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

class EmergencyLever final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"lever"},
        .summary = "Stop all healing in an emergency, or allow it again; without a word, show the lever.",
        .details =
            "Engaged, nothing new is begun, and what runs stops at its next safe point. The service may watch a "
            "file as well (\"lever\" in heal.yml), which the API cannot overrule.",
        .arguments = {{.names = "MOVE", .help = "what to do", .choices = {"engage", "release"}, .set = into(move_)}},
        .options = {{.names = "--reason", .value = "TEXT", .help = "why", .set = into(reason_)},
                    {.names = "--dry-run", .help = "only show whether it would move", .set = into(dry_run_)}},
        .examples = {"healctl lever engage --reason \"it restarts the wrong things\"", "healctl lever release",
                     "healctl lever"}};
  }

  Exit run(Context& context) override {
    if (move_.empty() || dry_run_) {
      const auto answer = context.service().get("/lever");
      if (!answer) return context.fail(answer.error());
      if (!move_.empty() && context.wants_table()) context.say(what_would_be(*answer));
      return show(context, *answer);
    }
    const auto answer = context.service().put(
        "/lever", Json{{"engaged", move_ == "engage"}, {"reason", reason_}, {"by", asker(context)}});
    return answer ? show(context, *answer) : context.fail(answer.error(), Purpose::kChange);
  }

 private:
  std::string what_would_be(const Json& answer) const {
    const auto* lever = find_member(answer, "lever");
    const bool is_engaged = lever != nullptr && get_bool(*lever, "engaged").value_or(false);
    const bool is_so = is_engaged == (move_ == "engage");
    return is_so ? "nothing would change:" : fmt::format("would {}; now it is:", move_);
  }

  static std::string text_of(const Json& object, std::string_view name) {
    return get_optional_string(object, name).value_or(std::nullopt).value_or("");
  }

  static Exit show(Context& context, const Json& answer) {
    if (!context.wants_table()) {
      context.print_document(answer);
      return Exit::kDone;
    }
    const auto* lever = find_member(answer, "lever");
    const bool is_engaged = lever != nullptr && get_bool(*lever, "engaged").value_or(false);
    std::string line =
        is_engaged ? toned("engaged", Tone::kBad, context.colour()) : toned("released", Tone::kGood, context.colour());
    const auto since = lever == nullptr ? std::nullopt : get_optional_time(*lever, "since").value_or(std::nullopt);
    if (since)
      line += fmt::format(" by {} {}", safe_text(text_of(*lever, "by")), relative_time(*since, context.clock().now()));
    if (lever != nullptr && !text_of(*lever, "reason").empty()) line += ": " + safe_text(text_of(*lever, "reason"));
    context.print(line + "\n");
    const auto* file = find_member(answer, "file");
    if (file != nullptr && file->is_object()) {
      context.print(fmt::format("file {} {}: {}\n", safe_text(text_of(*file, "path")),
                                safe_text(text_of(*file, "message")),
                                get_bool(*file, "run").value_or(false) ? "may act" : "stop"));
    }
    return Exit::kDone;
  }

  std::string move_, reason_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_lever() {
  return std::make_unique<EmergencyLever>();
}

}  // namespace heal::ctl
