#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/bundle.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

class PlaybookCheck final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"playbook", "check"},
            .summary = "Check playbook files and heal.yml, and show everything that is wrong, each at its place.",
            .details =
                "Folders and globs are expanded. When a heal.yml is among them, its routes are checked against "
                "the playbooks. Exits 1 when a file is invalid, and 3 with --strict when there are warnings.",
            .arguments = {{.names = "FILE",
                           .help = "playbooks, heal.yml, folders, globs",
                           .occurs = Occurs::kAtLeastOnce,
                           .completes = Completes::kFiles,
                           .set = into(files_)}},
            .options = {{.names = "--strict", .help = "exit 3 when there are warnings", .set = into(strict_)}},
            .examples = {"healctl playbook check compose/config/fast/heal.yml",
                         "healctl playbook check --strict compose/config/fast/playbooks"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    const auto found = playbook::check_files(files_);
    if (context.wants_table()) {
      context.print(safe_lines(found.render()));
    } else {
      context.print_document(to_document(found));
    }
    if (found.has_errors() || found.warnings() > 0) {
      context.say(fmt::format("{}, {}", count(found.errors(), "error"), count(found.warnings(), "warning")));
    } else {
      context.say("no mistakes found");
    }
    if (found.has_errors()) return Exit::kFailed;
    return strict_ && found.warnings() > 0 ? Exit::kLint : Exit::kDone;
  }

 private:
  static std::string count(std::size_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  }

  static Json to_document(const config::Diagnostics& found) {
    Json list = Json::array();
    for (const auto& one : found.sorted()) {
      list.push_back({{"severity", one.severity == config::Severity::kError ? "error" : "warning"},
                      {"file", one.span.file},
                      {"line", one.span.line},
                      {"column", one.span.column},
                      {"message", one.message},
                      {"hint", one.hint}});
    }
    return Json{{"errors", found.errors()}, {"warnings", found.warnings()}, {"diagnostics", std::move(list)}};
  }

  std::vector<std::string> files_;
  bool strict_ = false;
};

}  // namespace

std::unique_ptr<Command> make_playbook_check() {
  return std::make_unique<PlaybookCheck>();
}

}  // namespace heal::ctl
