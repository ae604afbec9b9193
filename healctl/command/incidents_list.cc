#include <algorithm>

#include "common/base/text.h"
#include "common/model/heal_outcome.h"
#include "common/model/incident.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {
namespace {

class IncidentsList final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"incidents", "list"},
        .summary = "List incidents, newest first.",
        .options = {{.names = "--state",
                     .value = "STATE",
                     .help = "only these states",
                     .choices = state_names(),
                     .occurs = Occurs::kRepeated,
                     .set = into(states_)},
                    {.names = "--target", .value = "TARGET", .help = "only this target", .set = into(target_)},
                    {.names = "--playbook", .value = "NAME", .help = "only this playbook", .set = into(playbook_)},
                    {.names = "--match",
                     .value = "MATCHER",
                     .help = "only those with an alert whose labels it takes, severity=page or 'team=~\"a|b\"'",
                     .occurs = Occurs::kRepeated,
                     .set = into(matchers_)},
                    {.names = "--since",
                     .value = "DURATION",
                     .help = "only those detected in the last 24h, 7d …",
                     .set = into(since_)},
                    {.names = "--limit", .value = "N", .help = "at most so many (default 50)", .set = into(limit_)}},
        .examples = {"healctl incidents list --since 24h",
                     "healctl incidents list --state failed --match severity=critical -o json"}};
  }

  Exit run(Context& context) override {
    IncidentFilter filter{states_, target_, playbook_, std::nullopt, limit_, matchers_};
    if (since_) filter.since = context.clock().now() - *since_;
    auto found = list_incidents(context.service(), filter);
    if (!found) return context.fail(found.error());
    if (!context.wants_table()) {
      context.print_document(Json{{"incidents", std::move(found->documents)}});
    } else if (found->incidents.empty()) {
      context.say("no incidents");
    } else {
      context.print(table_of(found->incidents, context.clock().now()));
    }
    if (found->has_more) context.say(fmt::format("only the newest {} are shown: --limit shows more", limit_));
    return Exit::kDone;
  }

 private:
  static Table table_of(const std::vector<Incident>& incidents, WallTime now) {
    using enum Column::Fit;
    using enum Column::Need;
    Table table({{"ID", kKeep},
                 {"STATE", kKeep},
                 {"TARGET", kCut},
                 {"WHAT", kCut},
                 {"WHY", kCut, Column::Align::kLeft, kIfRoom},
                 {"PLAYBOOK", kCut, Column::Align::kLeft, kIfRoom},
                 {"MTTR", kKeep, Column::Align::kRight},
                 {"AGE", kKeep, Column::Align::kRight},
                 {"DETECTED", kKeep, Column::Align::kLeft, kIfRoom}});
    for (const auto& incident : incidents) {
      const auto detected = incident.times.detected_at;
      const auto recovery = time_to_recover(incident);
      table.add({incident.id,
                 {std::string(to_string(incident.state)), tone_of(incident.state)},
                 incident.target ? incident.target->str() : "",
                 incident.name,
                 incident.reason,
                 incident.playbook,
                 recovery ? format_duration_short(*recovery) : "",
                 detected ? age_text(std::max<Duration>(now - *detected, 0s)) : "",
                 {detected ? short_utc(*detected) : "", Tone::kDim}});
    }
    return table;
  }

  std::vector<std::string> states_, matchers_;
  std::string target_, playbook_;
  std::optional<Duration> since_;
  std::size_t limit_ = 50;
};

}  // namespace

std::unique_ptr<Command> make_incidents_list() {
  return std::make_unique<IncidentsList>();
}

}  // namespace heal::ctl
