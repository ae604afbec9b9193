#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/bundle.h"
#include "common/playbook/match.h"
#include "common/playbook/plan.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

using playbook::RouteDecision;
using playbook::RoutedHeal;

std::string_view word_of(RouteDecision::Verdict verdict) {
  switch (verdict) {
    case RouteDecision::Verdict::kTaken:
      return "taken";
    case RouteDecision::Verdict::kNoMatch:
      return "no match";
    case RouteDecision::Verdict::kNotAsked:
      break;
  }
  return "not asked";
}

class PlaybookPlan final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"playbook", "plan"},
        .summary = "Show what an alert, or a manual heal, would do: which route, which plan. Nothing is asked or done.",
        .details =
            "With --label the routes of heal.yml choose, as for an alert with these labels; with --playbook "
            "and --target you do. Guards are not asked: they need the service (heal --dry-run). Exits 4 when "
            "no route takes the alert or a rule of heal.yml forbids the plan.",
        .arguments = {{.names = "HEAL_YML",
                       .help = "heal.yml; its playbooks are read too",
                       .occurs = Occurs::kRequired,
                       .completes = Completes::kFiles,
                       .set = into(config_)}},
        .options = {{.names = "--label",
                     .value = "NAME=VALUE",
                     .help = "a label of the alert",
                     .occurs = Occurs::kRepeated,
                     .set = into_pairs(labels_)},
                    {.names = "--annotation",
                     .value = "NAME=VALUE",
                     .help = "an annotation of the alert",
                     .occurs = Occurs::kRepeated,
                     .set = into_pairs(annotations_)},
                    {.names = "--playbook", .value = "NAME", .help = "this playbook", .set = into(playbook_)},
                    {.names = "--target", .value = "TARGET", .help = "on this target", .set = into_target(target_)},
                    {.names = "--set",
                     .value = "NAME=VALUE",
                     .help = "a parameter of the playbook",
                     .occurs = Occurs::kRepeated,
                     .set = into_pairs(params_)},
                    {.names = "--container-label",
                     .value = "NAME=VALUE",
                     .help = "a label that the target's container has, heal.enable=true",
                     .occurs = Occurs::kRepeated,
                     .set = into_pairs(container_labels_)}},
        .examples = {"healctl playbook plan compose/config/fast/heal.yml --label alertname=NginxDown --label "
                     "container=nginx --container-label heal.enable=true"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    const bool is_manual = !playbook_.empty() || !target_.empty();
    if (is_manual ? playbook_.empty() || target_.empty() || !labels_.empty() : labels_.empty()) {
      context.complain("give the labels of an alert (--label), or --playbook and --target");
      return Exit::kUsage;
    }
    const auto loaded = playbook::load(config_, playbook::NamedFiles::kMayBeElsewhere);
    if (!loaded.bundle) {
      const std::string told = loaded.diagnostics.render();
      for (const auto line : split(trim(told), '\n'))
        context.say(line);
      return Exit::kFailed;
    }
    if (is_manual) {
      const auto target = TargetId::parse(target_);
      return show_plan(context, *loaded.bundle,
                       {playbook_, target.value_or(TargetId{}), {params_.begin(), params_.end()}});
    }
    return show_routes(context, *loaded.bundle);
  }

 private:
  Labels labels() const { return {labels_.begin(), labels_.end()}; }
  Labels annotations() const { return {annotations_.begin(), annotations_.end()}; }

  static Exit refuse(Context& context, const Error& error) {
    context.complain(error.str());
    return error.code() == ErrorCode::kRefused ? Exit::kRefused : Exit::kFailed;
  }

  Exit show_routes(Context& context, const playbook::Bundle& bundle) const {
    const auto& routes = bundle.config.routes;
    Exit exit = Exit::kRefused;
    for (const auto& decision : playbook::match(routes, labels(), context.clock().now())) {
      if (context.wants_table()) {
        context.print(fmt::format("route {}: {}: {}\n", decision.route + 1, word_of(decision.verdict),
                                  safe_text(decision.explanation)));
      }
      if (decision.verdict != RouteDecision::Verdict::kTaken) continue;
      const auto heal = playbook::resolve_route(routes[decision.route], labels(), annotations());
      const auto shown = heal ? show_plan(context, bundle, *heal) : refuse(context, heal.error());
      exit = exit == Exit::kRefused ? shown : exit;
    }
    if (exit == Exit::kRefused && context.wants_table()) context.say("nothing would be done");
    return exit;
  }

  Exit show_plan(Context& context, const playbook::Bundle& bundle, const RoutedHeal& heal) const {
    const auto* chosen = bundle.find_playbook(heal.playbook);
    if (chosen == nullptr) {
      std::vector<std::string> names;
      for (const auto& [name, each] : bundle.playbooks)
        names.push_back(name);
      context.complain(fmt::format("there is no playbook \"{}\"", printable(heal.playbook)),
                       config::suggestion(heal.playbook, names));
      return Exit::kFailed;
    }
    const auto target = heal.target.kind == "container"
                            ? playbook::inventory_of_container(bundle.config, heal.target,
                                                               {container_labels_.begin(), container_labels_.end()})
                            : playbook::inventory_of(bundle.config, heal.target);
    if (!target) return refuse(context, target.error());
    const auto plan = playbook::make_plan(bundle.config, *chosen, {labels(), annotations(), heal.params, *target, {}});
    if (!plan) return refuse(context, plan.error());
    if (context.wants_table()) {
      context.print(safe_lines(playbook::explain(*plan)));
    } else {
      auto canonical = parse_json(plan->canonical);
      context.print_document(Json{{"playbook", plan->playbook},
                                  {"target", plan->target.str()},
                                  {"hash", plan->hash},
                                  {"plan", canonical ? std::move(*canonical) : Json()}});
    }
    return Exit::kDone;
  }

  std::string config_, playbook_, target_;
  std::map<std::string, std::string> labels_, annotations_, params_, container_labels_;
};

}  // namespace

std::unique_ptr<Command> make_playbook_plan() {
  return std::make_unique<PlaybookPlan>();
}

}  // namespace heal::ctl
