#include <map>

#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

class Explain final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"explain"},
            .summary = "Tell why an alert was, or was not, acted on: the routes, every guard and what it saw.",
            .details =
                "Of an alert it explains the newest incident. For one that never came it tells what the routes would "
                "make of it, with the labels that you give.",
            .arguments = {{.names = "WHAT",
                           .help = "an incident's id, or an alert's name or fingerprint",
                           .occurs = Occurs::kRequired,
                           .set = into(what_)}},
            .options = {{.names = "--label",
                         .value = "NAME=VALUE",
                         .help = "a label of an alert that never came",
                         .occurs = Occurs::kRepeated,
                         .set = into_pairs(labels_)}},
            .examples = {"healctl explain NginxDown", "healctl explain DiskFull --label service=api"}};
  }

  Exit run(Context& context) override {
    Query query{{"of", what_}};
    for (const auto& [name, value] : labels_)
      query.emplace_back("label", name + "=" + value);
    const auto answer = context.service().get("/explain", query);
    if (!answer) return context.fail(answer.error());
    if (!context.wants_table()) {
      context.print_document(*answer);
      return Exit::kDone;
    }
    const auto text = get_string(*answer, "text");
    if (!text) return context.fail(make_error(ErrorCode::kProtocol, "GET /explain: {}", text.error().message()));
    context.print(safe_lines(*text));
    return Exit::kDone;
  }

 private:
  std::string what_;
  std::map<std::string, std::string> labels_;
};

}  // namespace

std::unique_ptr<Command> make_explain() {
  return std::make_unique<Explain>();
}

}  // namespace heal::ctl
