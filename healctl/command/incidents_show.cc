#include <fmt/format.h>

#include "common/model/heal_outcome.h"
#include "common/model/incident_times.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/service/backup.h"
#include "healctl/service/bundle.h"
#include "healctl/service/controls.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {
namespace {

/// `+1.21s`, `-350ms`: from when the incident was detected.
std::string offset_text(WallTime time, WallTime origin) {
  return time >= origin ? "+" + format_duration_short(time - origin) : "-" + format_duration_short(origin - time);
}

std::string with_capital(std::string_view word) {
  std::string out(word);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

std::string duration_text(const std::optional<Duration>& duration) {
  return duration ? format_duration_short(*duration) : "unknown";
}

class IncidentsShow final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"incidents", "show"},
            .summary = "Show the whole story of one incident: what happened, when, and why.",
            .details = "The times in the story count from the moment of detection.",
            .arguments = {{.names = "ID",
                           .help = "as \"incidents list\" shows it",
                           .occurs = Occurs::kRequired,
                           .set = into(id_)}},
            .options = {{.names = "--bundle",
                         .value = "FILE",
                         .help = "put all that is known of it into a new file, as JSON",
                         .completes = Completes::kFiles,
                         .set = into(bundle_)}},
            .examples = {"healctl incidents show 01J8ZQ4T9M5V6W7X8Y9ZABCDEF",
                         "healctl incidents show 01J8ZQ4T9M5V6W7X8Y9ZABCDEF --bundle incident.json"}};
  }

  Exit run(Context& context) override {
    if (!bundle_.empty()) return write_bundle(context);
    const auto story = fetch_story(context.service(), id_);
    if (!story) return context.fail(story.error());
    if (!context.wants_table()) {
      context.print_document(story->document);
      return Exit::kDone;
    }
    context.print(render_fields(fields_of(story->incident, context.clock().now()), context.colour()));
    print_episodes(context, *story);
    print_timeline(context, *story);
    print_evidence(context, *story);
    return Exit::kDone;
  }

 private:
  Exit write_bundle(Context& context) const {
    auto file = NewFile::create(bundle_);
    if (!file) {
      context.complain(file.error().str());
      return Exit::kFailed;
    }
    const auto bundle = fetch_bundle(context.service(), id_);
    if (!bundle) return context.fail(bundle.error());
    Status done = file->write(dump_pretty(*bundle) + "\n");
    if (done) done = file->finish();
    if (!done) {
      context.complain(done.error().str());
      return Exit::kFailed;
    }
    context.say(fmt::format("{}: {} entries of incident {}", bundle_, count_in(*bundle, "timeline"), id_));
    return Exit::kDone;
  }

  using Fields = std::vector<std::pair<std::string, Cell>>;

  static Fields fields_of(const Incident& incident, WallTime now) {
    auto state = std::string(to_string(incident.state));
    if (!incident.reason.empty()) state += " (" + incident.reason + ")";
    Fields fields{{"Incident", incident.id},
                  {"Target", incident.target ? incident.target->str() : ""},
                  {"What", incident.name + (incident.type.empty() ? "" : " (" + incident.type + ")")},
                  {"State", {state, tone_of(incident.state)}},
                  {"Why", incident.message},
                  {"Playbook", incident.playbook},
                  {"Attempts", std::to_string(incident.attempt)}};
    if (!incident.requested_by.empty()) fields.push_back({"Asked for by", incident.requested_by});
    if (!incident.drill.empty()) fields.push_back({"Drill", "of fault " + incident.drill});
    const auto& times = incident.times;
    for (const NamedTime& each : kIncidentTimes) {
      const auto& time = times.*each.time;
      if (!time) continue;
      auto text = format_rfc3339(*time);
      if (times.detected_at && time != times.detected_at) text += "  " + offset_text(*time, *times.detected_at);
      if (time == times.detected_at) text += "  " + relative_time(*time, now);
      fields.push_back({with_capital(each.name), text});
    }
    fields.push_back({"Time to detect", duration_text(times.time_to_detect())});
    fields.push_back({"Time to recover", duration_text(time_to_recover(incident))});
    return fields;
  }

  static void print_episodes(Context& context, const Story& story) {
    if (story.episodes.empty()) return;
    Table table({{"EVIDENCE", Column::Fit::kCut},
                 {"SOURCE", Column::Fit::kKeep},
                 {"SINCE", Column::Fit::kKeep},
                 {"RESOLVED", Column::Fit::kKeep},
                 {"LABELS", Column::Fit::kCut, Column::Align::kLeft, Column::Need::kIfRoom}});
    for (const auto& episode : story.episodes) {
      table.add({episode.name, episode.source, short_utc(episode.starts_at),
                 episode.resolved_at ? short_utc(*episode.resolved_at) : "no", format_labels(episode.labels)});
    }
    context.print("\n");
    context.print(table);
    if (story.episodes_total > story.episodes.size())
      context.print(fmt::format("{} earlier ones are not shown\n", story.episodes_total - story.episodes.size()));
  }

  static void print_timeline(Context& context, const Story& story) {
    if (story.timeline.empty()) return;
    const auto origin = story.incident.times.detected_at.value_or(story.timeline.front().at);
    Table table({{"WHEN", Column::Fit::kKeep, Column::Align::kRight},
                 {"WHAT", Column::Fit::kKeep},
                 {"WHY", Column::Fit::kWrap}});
    for (const auto& entry : story.timeline) {
      table.add({{offset_text(entry.at, origin), Tone::kDim}, entry.kind, entry.message});
    }
    context.print("\n");
    context.print(table);
    if (story.timeline_total > story.timeline.size())
      context.print(fmt::format("{} entries in between are not shown: GET {}/api/v1/incidents/{}/timeline?cursor={}\n",
                                story.timeline_total - story.timeline.size(), context.settings().server,
                                safe_text(story.incident.id), safe_text(story.timeline_cursor)));
  }

  /// What was gathered for the human that the incident was handed to.
  static void print_evidence(Context& context, const Story& story) {
    for (const auto& entry : story.timeline) {
      if (entry.kind != "evidence") continue;
      const auto data = parse_json(entry.data);
      if (!data.has_value()) continue;
      const auto health = find_member(*data, "health");
      const auto said =
          health == nullptr ? std::nullopt : get_optional_string(*health, "message").value_or(std::nullopt);
      if (said) context.print("\nHealth check: " + safe_text(*said) + "\n");
      // A service or a unit has none.
      if (const auto inspected = get_optional_labels(*data, "inspect"); inspected.has_value() && !inspected->empty()) {
        context.print("\nContainer as it was:\n");
        for (const auto& [name, value] : *inspected)
          context.print(fmt::format("  {} = {}\n", safe_text(name), safe_text(value)));
      }
      const auto logs = get_optional_string(*data, "logs").value_or(std::nullopt);
      if (logs && !logs->empty()) context.print("\nEnd of its logs:\n" + safe_lines(*logs));
    }
  }

  std::string id_, bundle_;
};

}  // namespace

std::unique_ptr<Command> make_incidents_show() {
  return std::make_unique<IncidentsShow>();
}

}  // namespace heal::ctl
