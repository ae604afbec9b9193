#include <array>
#include <string_view>

#include "common/wire/json.h"
#include "heal_schemas.h"
#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

struct Kind {
  const char* name;
  std::string_view schema;
};
constexpr std::array<Kind, 4> kKinds{
    {{"heal", kHealSchema}, {"playbook", kPlaybookSchema}, {"test", kTestSchema}, {"drill", kDrillSchema}}};

class SchemaCommand final : public Command {
 public:
  CommandSpec spec() override {
    OptionSpec kind{.names = "KIND", .help = "the kind of file", .occurs = Occurs::kRequired, .set = into(kind_)};
    for (const Kind& each : kKinds)
      kind.choices.emplace_back(each.name);
    return {
        .path = {"schema"},
        .summary = "Print the JSON Schema of a file that people write, for editors.",
        .details =
            "heal is heal.yml, test is for \"playbook test\". For completion and marks while typing; what counts is "
            "what \"playbook check\", \"playbook test\" and \"drill check\" say.",
        .arguments = {kind},
        .examples = {"healctl schema heal"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    for (const Kind& each : kKinds) {
      if (kind_ != each.name) continue;
      if (context.wants_table()) {
        context.print(each.schema);
      } else if (const auto document = parse_json(each.schema); document.has_value()) {
        context.print_document(*document);
      }
    }
    return Exit::kDone;
  }

 private:
  std::string kind_;
};

}  // namespace

std::unique_ptr<Command> make_schema() {
  return std::make_unique<SchemaCommand>();
}

}  // namespace heal::ctl
