#include "common/wire/json.h"
#include "heal_version.h"
#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

class Version final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"version"}, .summary = "Show the version of healctl.", .examples = {"healctl version -o json"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    if (context.wants_table()) {
      context.print(fmt::format("healctl, version {} (revision: {})\n", kVersion, kRevision));
    } else {
      context.print_document(Json{{"program", "healctl"}, {"version", kVersion}, {"revision", kRevision}});
    }
    return Exit::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> make_version() {
  return std::make_unique<Version>();
}

}  // namespace heal::ctl
