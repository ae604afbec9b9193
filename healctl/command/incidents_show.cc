#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {
namespace {

/// `+1.21s`, `-350ms`: from when the incident was detected.
std::string offset_text(WallTime time, WallTime origin) {
  return time >= origin ? "+" + format_duration_short(time - origin) : "-" + format_duration_short(origin - time);
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
            .examples = {"healctl incidents show 01J8ZQ4T9M5V6W7X8Y9ZABCDEF"}};
  }

  Exit run(Context& context) override {
    const auto story = fetch_story(context.service(), id_);
    if (!story) return context.fail(story.error());
    if (!context.wants_table()) {
      context.print_document(story->document);
      return Exit::kDone;
    }
    context.print(render_fields(fields_of(story->incident, context.clock().now()), context.colour()));
    print_episodes(context, *story);
    print_timeline(context, *story);
    return Exit::kDone;
  }

 private:
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
    const auto& times = incident.times;
    const auto add = [&](const char* name, const std::optional<WallTime>& time) {
      if (!time) return;
      auto text = format_rfc3339(*time);
      if (times.detected_at && time != times.detected_at) text += "  " + offset_text(*time, *times.detected_at);
      if (time == times.detected_at) text += "  " + relative_time(*time, now);
      fields.push_back({name, text});
    };
    add("Failed", times.failed_at);
    add("Detected", times.detected_at);
    add("Decided", times.decided_at);
    add("Acted", times.acted_at);
    add("Verified", times.verified_at);
    add("Resolved", times.resolved_at);
    add("Closed", times.closed_at);
    fields.push_back({"Time to detect", duration_text(times.time_to_detect())});
    fields.push_back({"Time to recover", duration_text(times.time_to_recover())});
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

  std::string id_;
};

}  // namespace

std::unique_ptr<Command> make_incidents_show() {
  return std::make_unique<IncidentsShow>();
}

}  // namespace heal::ctl
