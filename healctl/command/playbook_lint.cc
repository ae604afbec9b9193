#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/playbook/lint.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

using playbook::Finding;

class PlaybookLint final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"playbook", "lint"},
        .summary = "Look for what is valid and probably not meant in heal.yml, its playbooks and alerting rules.",
        .details =
            "check: what \"playbook check\" warns of. unreached-playbook: nothing leads to it. shadowed-route: one "
            "before it takes everything. missing-verify: nothing proves that it helped.\n"
            "With --rules also: unanswered-alert: no route takes it (\"# not healed\" behind its name says that it "
            "is for people; Heal…, Watchdog and InfoInhibitor are). label-not-set: a route's template names a "
            "label that its alerts cannot have. unstable-label: the value is in a label. changing-label: a label "
            "that is another one after a restart.\n"
            "Exits 3 when there are findings, 1 when a file is invalid.",
        .arguments = {{.names = "HEAL_YML",
                       .help = "heal.yml; its playbooks are read too",
                       .occurs = Occurs::kAtLeastOnce,
                       .completes = Completes::kFiles,
                       .set = into(files_)}},
        .options = {{.names = "--rules",
                     .value = "FILE",
                     .help = "Prometheus' rule files, folders, globs",
                     .occurs = Occurs::kRepeated,
                     .completes = Completes::kFiles,
                     .set = into(rules_)},
                    {.names = "--external-label",
                     .value = "NAME=VALUE",
                     .help = "one of external_labels in prometheus.yml: every alert has it",
                     .occurs = Occurs::kRepeated,
                     .set = into_pairs(external_)},
                    {.names = "--skip",
                     .value = "RULE",
                     .help = "leave out what this rule finds",
                     .choices = playbook::lint_rules(),
                     .occurs = Occurs::kRepeated,
                     .set = into(skipped_)}},
        .examples = {"healctl playbook lint compose/config/production/heal.yml --rules prometheus/production/rules"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    config::Diagnostics invalid;
    const auto rules = read_rules(invalid);
    std::vector<Finding> found;
    for (const std::string& file : files_) {
      auto loaded = playbook::load(file, playbook::NamedFiles::kMayBeElsewhere);
      if (!loaded.bundle) {
        invalid.append(loaded.diagnostics);
        continue;
      }
      for (const auto& warning : loaded.diagnostics.sorted())
        found.push_back({"check", warning.span, warning.message, warning.hint});
      for (Finding& one : playbook::lint(*loaded.bundle, rules))
        found.push_back(std::move(one));
    }
    drop_skipped_and_repeated(found);
    if (invalid.has_errors()) {
      const std::string told = invalid.render();
      for (const auto line : split(trim(told), '\n'))
        context.say(line);
      return Exit::kFailed;
    }
    show(context, found);
    return found.empty() ? Exit::kDone : Exit::kLint;
  }

 private:
  std::vector<playbook::AlertRule> read_rules(config::Diagnostics& invalid) const {
    std::vector<playbook::AlertRule> out;
    if (rules_.empty()) return out;
    const auto files = config::expand_paths(rules_, ".");
    if (!files) {
      invalid.error({}, files.error().message());
      return out;
    }
    for (const std::string& file : *files) {
      const auto text = config::read_text_file(file);
      if (!text) {
        invalid.error({}, text.error().message());
        continue;
      }
      for (auto& rule : playbook::parse_alert_rules(*text, file, invalid)) {
        rule.add_external({external_.begin(), external_.end()});
        out.push_back(std::move(rule));
      }
    }
    return out;
  }

  void drop_skipped_and_repeated(std::vector<Finding>& found) const {
    std::vector<Finding> kept;
    for (Finding& one : found) {
      const bool is_skipped = std::find(skipped_.begin(), skipped_.end(), one.rule) != skipped_.end();
      // "check" warns of a playbook without verify as well.
      const bool is_told = one.rule == "check" && one.message.starts_with("\"verify\" is not given");
      if (is_skipped || is_told || std::find(kept.begin(), kept.end(), one) != kept.end()) continue;
      kept.push_back(std::move(one));
    }
    found = std::move(kept);
  }

  static void show(Context& context, const std::vector<Finding>& found) {
    if (!context.wants_table()) {
      Json list = Json::array();
      for (const Finding& one : found)
        list.push_back({{"rule", one.rule},
                        {"file", one.span.file},
                        {"line", one.span.line},
                        {"column", one.span.column},
                        {"message", one.message},
                        {"suggestion", one.hint}});
      return context.print_document(Json{{"findings", std::move(list)}});
    }
    for (const Finding& one : found) {
      context.print(safe_lines(fmt::format("{}: {}: {}", one.span.str(), one.rule, one.message)));
      if (!one.hint.empty()) context.print(safe_lines("hint: " + one.hint));
    }
    context.say(found.empty() ? "nothing found"
                              : fmt::format("{} finding{}", found.size(), found.size() == 1 ? "" : "s"));
  }

  std::vector<std::string> files_, rules_, skipped_;
  std::map<std::string, std::string> external_;
};

}  // namespace

std::unique_ptr<Command> make_playbook_lint() {
  return std::make_unique<PlaybookLint>();
}

}  // namespace heal::ctl
