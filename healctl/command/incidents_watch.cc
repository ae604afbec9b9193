#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/unreached.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/output/document.h"
#include "healctl/output/text.h"
#include "healctl/service/follow.h"

namespace heal::ctl {
namespace {

// How long one connection is listened to before the list is looked at again: bounds how long a moment that fell between
// the two, or a connection that died without a word, can stay unseen.
constexpr Duration kStreamPatience = 15s;
constexpr Duration kFirstRetry = 250ms;
constexpr Duration kLongestRetry = 5s;

enum class Until { kStopped, kRecovered, kTerminal };

class IncidentsWatch final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"incidents", "watch"},
            .summary = "Follow incidents as they happen, one line per change of state.",
            .details =
                "With --until it ends as soon as a watched incident has come so far, and the exit code says how: "
                "0 healed, 4 refused, 5 waiting for approval, 6 unknown (also when --timeout has passed), 8 the "
                "problem persists. Without, it goes on until Ctrl-C or --timeout.\n"
                "With -o json there is one object per line.",
            .arguments = {{.names = "ID", .help = "only this incident", .set = into(id_)}},
            .options = {{.names = "--target", .value = "TARGET", .help = "only this target", .set = into(target_)},
                        {.names = "--playbook", .value = "NAME", .help = "only this playbook", .set = into(playbook_)},
                        {.names = "--until",
                         .value = "WHAT",
                         .help = "end when an incident is",
                         .choices = {"recovered", "terminal"},
                         .set = into(until_text_)},
                        {.names = "--since",
                         .value = "DURATION",
                         .help = "for --until, count also what happened in the last 30s, 5m …",
                         .set = into(since_)},
                        {.names = "--all",
                         .help = "every entry of the timeline, not only changes of state",
                         .set = into(all_)}},
            .examples = {"healctl incidents watch --target container/local/nginx --until recovered --timeout 2m"}};
  }

  Exit run(Context& context) override {
    until_ = until_text_ == "recovered"  ? Until::kRecovered
             : until_text_ == "terminal" ? Until::kTerminal
                                         : Until::kStopped;
    start_ = context.clock().now() - since_.value_or(0s);
    const auto timeout = context.settings().timeout;
    deadline_ = timeout ? context.clock().deadline_in(*timeout) : Deadline::max();
    Duration retry = kFirstRetry;
    bool reached = false, is_away = false;
    while (!verdict_) {
      const auto status = look_and_follow(context);
      if (verdict_) break;
      if (context.stop().stop_requested()) return Exit::kInterrupted;
      // Nothing was ever heard: that is no quiet time, however long it was.
      if (!status && !reached) return context.fail(status.error());
      if (context.clock().steady_now() >= deadline_) return time_is_up(context);
      if (status) {
        reached = true;
        is_away = false;
        retry = kFirstRetry;
        continue;
      }
      if (!reached || !is_unreached(status.error())) return context.fail(status.error());
      if (!std::exchange(is_away, true)) context.say(status.error().str() + "; connecting again");
      context.clock().sleep_until(std::min(context.clock().deadline_in(retry), deadline_), context.stop());
      retry = std::min(retry * 2, kLongestRetry);
    }
    return *verdict_;
  }

 private:
  Status look_and_follow(Context& context) {
    HEAL_TRY_STATUS(look(context));
    if (verdict_) return {};
    const auto left = std::max<Duration>(deadline_ - context.clock().steady_now(), 0s);
    return follow_events(context, last_id_, std::min(kStreamPatience, left), [&](const TimelineEntry& entry) {
      take(context, entry);
      return verdict_ ? StreamNext::kEnd : StreamNext::kContinue;
    });
  }

  /// Shows where the open incidents stand, and notices what happened while nobody listened.
  Status look(Context& context) {
    std::vector<Incident> incidents;
    if (id_.empty()) {
      HEAL_TRY(auto page, list_incidents(context.service(), {{}, target_, playbook_, std::nullopt, 50}));
      incidents = std::move(page.incidents);
      std::reverse(incidents.begin(), incidents.end());
    } else {
      HEAL_TRY(auto story, fetch_story(context.service(), id_));
      incidents.push_back(std::move(story.incident));
    }
    const bool is_first_look = !std::exchange(has_looked_, true);
    for (auto& incident : incidents) {
      judge(incident);
      const auto known = seen_.find(incident.id);
      // Later looks only notice the end: what else happened comes with the stream, which is in order.
      const bool is_news =
          is_first_look ? concerns_us(incident) : verdict_ && (known == seen_.end() || known->second != incident.state);
      if (is_news) show(context, incident, context.clock().now(), incident.message);
      seen_[incident.id] = incident.state;
      if (verdict_) break;
    }
    return {};
  }

  /// Whether an incident that was there before us is still going on, or ended since --since.
  bool concerns_us(const Incident& incident) const {
    if (!id_.empty() || !is_over(incident)) return true;
    const auto& times = incident.times;
    return std::max({times.verified_at.value_or(WallTime{}), times.closed_at.value_or(WallTime{}),
                     times.detected_at.value_or(WallTime{})}) >= start_;
  }

  static bool is_over(const Incident& incident) {
    return incident.state == IncidentState::kRecovered || is_given_up(incident);
  }

  /// Nothing more happens by itself.
  static bool is_given_up(const Incident& incident) {
    return incident.state == IncidentState::kEscalated || is_terminal(incident.state);
  }

  void take(Context& context, const TimelineEntry& entry) {
    if (entry.incident_id.empty() || (!id_.empty() && entry.incident_id != id_)) return;
    const bool is_move = entry.kind == "state";
    if (!is_move && !all_) return;
    const auto story = fetch_story(context.service(), entry.incident_id);
    // Gone or not reachable for a moment: the next look finds it again.
    if (!story || !is_watched(story->incident)) return;
    // It may have moved on since: the line tells of this entry, the verdict of now.
    Incident at_entry = story->incident;
    if (is_move) at_entry.state = state_in(entry).value_or(at_entry.state);
    show_entry(context, at_entry, entry);
    seen_[at_entry.id] = at_entry.state;
    if (is_move) judge(story->incident);
  }

  bool is_watched(const Incident& incident) const {
    const bool on_target = target_.empty() || (incident.target && incident.target->str() == target_);
    return on_target && (playbook_.empty() || incident.playbook == playbook_);
  }

  static std::optional<IncidentState> state_in(const TimelineEntry& entry) {
    const auto data = parse_json(entry.data);
    const auto name = data ? get_string(*data, "to") : Result<std::string>(data.error());
    return name ? parse_incident_state(*name) : std::nullopt;
  }

  void judge(const Incident& incident) {
    if (until_ == Until::kStopped || !concerns_us(incident)) return;
    if (!is_over(incident) && incident.state != IncidentState::kAwaitingApproval) return;
    if (until_ == Until::kTerminal && !is_given_up(incident)) return;
    verdict_ = exit_of(incident);
  }

  void show_entry(Context& context, const Incident& incident, const TimelineEntry& entry) const {
    switch (context.settings().output) {
      case OutputFormat::kJson:
        context.print(dump(to_json(entry)) + "\n");
        break;
      case OutputFormat::kYaml:
        context.print("---\n" + to_yaml(to_json(entry)));
        break;
      case OutputFormat::kTable:
        show(context, incident, entry.at, entry.kind == "state" ? entry.message : entry.kind + ": " + entry.message);
    }
    context.out().flush();
  }

  void show(Context& context, const Incident& incident, WallTime at, const std::string& message) const {
    if (!context.wants_table()) return;
    const auto state = fmt::format("{:<17}", to_string(incident.state));
    const auto target = safe_text(incident.target ? incident.target->str() : incident.name);
    const auto head = fmt::format("{}  {}  {}  {}", toned(format_rfc3339(at).substr(11), Tone::kDim, context.colour()),
                                  incident.id, toned(state, tone_of(incident.state), context.colour()), target);
    context.print(head + "  " + safe_text(message) + "\n");
    context.out().flush();
  }

  Exit time_is_up(Context& context) const {
    if (until_ == Until::kStopped) return Exit::kDone;
    context.complain(fmt::format("no watched incident was {} in time", until_text_),
                     "\"healctl incidents list\" shows where they stand");
    return Exit::kUnknown;
  }

  std::string id_, target_, playbook_, until_text_;
  std::optional<Duration> since_;
  bool all_ = false;

  Until until_ = Until::kStopped;
  WallTime start_{};
  Deadline deadline_{};
  std::string last_id_;
  bool has_looked_ = false;
  std::map<std::string, IncidentState> seen_;  ///< as shown last
  std::optional<Exit> verdict_;
};

}  // namespace

std::unique_ptr<Command> make_incidents_watch() {
  return std::make_unique<IncidentsWatch>();
}

}  // namespace heal::ctl
