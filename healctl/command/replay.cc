#include "healctl/replay/replay.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/bundle.h"
#include "common/rehearsal/run.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/replay/alerts.h"

namespace heal::ctl {
namespace {

class Replay final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"replay"},
        .summary =
            "Play the service's recorded incidents through another heal.yml, and show what it decides otherwise.",
        .details =
            "Nothing is done: the engine runs in a simulated world, as for \"playbook test\". Assumed is that each "
            "container was in the inventory unless the record says otherwise, and that its trouble lasted until an "
            "action mended it or its alerts resolved. What people asked for and what schedules saw is left out. What a "
            "container's group decided (in_flight, population) cannot be told: the record does not name groups; nor "
            "can what is of an engine that this heal.yml has not. "
            "With --prometheus the alerts that fired are played instead, each mended by a restart. Of them nothing was "
            "decided, so all that this heal.yml decides is shown, or what another one (--against) decides otherwise. "
            "Exits 3 when something is decided otherwise.",
        .arguments = {{.names = "HEAL_YML",
                       .help = "heal.yml; its playbooks are read too",
                       .occurs = Occurs::kRequired,
                       .completes = Completes::kFiles,
                       .set = into(config_)}},
        .options =
            {{.names = "--since",
              .value = "DURATION",
              .help = "incidents of the last so long (default 7d)",
              .set = into(since_)},
             {.names = "--until", .value = "DURATION", .help = "up to so long ago (default now)", .set = into(until_)},
             {.names = "--file",
              .value = "DB",
              .help = "a backup, or a heal.db, instead of asking the service",
              .completes = Completes::kFiles,
              .set = into(file_)},
             {.names = "--prometheus",
              .value = "URL",
              .help = "the alerts that this Prometheus remembers, instead of incidents",
              .set = into_url(prometheus_)},
             {.names = "--against",
              .value = "HEAL_YML",
              .help = "compare with what this one decides, instead of with the record",
              .completes = Completes::kFiles,
              .set = into(against_)},
             {.names = "--limit",
              .value = "N",
              .help = "at most so many incidents or troubles, the newest (default 200)",
              .set = into(limit_)},
             {.names = "--all", .help = "also what is decided as before", .set = into(all_)}},
        .examples = {"healctl replay compose/config/production/heal.yml --since 30d",
                     "healctl replay heal.yml --file heal-backup.db",
                     "healctl replay heal.yml --prometheus http://localhost:9090 --against heal.yml.before"}};
  }

  Exit run(Context& context) override {
    if (!file_.empty() && !prometheus_.empty()) {
      context.complain("--file and --prometheus: one of them");
      return Exit::kUsage;
    }
    if (*until_ >= *since_) {
      context.complain("--until must be less than --since");
      return Exit::kUsage;
    }
    auto stories = fetch(context);
    if (!stories) return refuse(context, stories.error());
    std::vector<ReplayedIncident> now, then;
    if (const Exit exit = play(context, config_, *stories, now); exit != Exit::kDone) return exit;
    if (now.empty()) {
      context.say("there is nothing to replay");
      return Exit::kDone;
    }
    if (!against_.empty()) {
      if (const Exit exit = play(context, against_, *stories, then); exit != Exit::kDone) return exit;
      for (std::size_t i = 0; i < now.size(); ++i)
        now[i].compare_with(then[i]);
    }
    return show(context, now);
  }

 private:
  bool has_then() const { return prometheus_.empty() || !against_.empty(); }

  Exit refuse(Context& context, const Error& error) const {
    if (file_.empty() && prometheus_.empty()) return context.fail(error);
    context.complain(error.str());
    return error.code() == ErrorCode::kStorage ? Exit::kFailed : Exit::kUnreachable;
  }

  /// What `heal_yml` decides of them; another exit code than kDone when it could not be found out, and why was told.
  Exit play(Context& context, const std::string& heal_yml, const std::vector<Story>& stories,
            std::vector<ReplayedIncident>& decided) const {
    auto loaded = playbook::load(heal_yml, playbook::NamedFiles::kMayBeElsewhere);
    if (!loaded.bundle) {
      const std::string told = loaded.diagnostics.render();
      for (const auto line : split(trim(told), '\n'))
        context.say(line);
      return Exit::kFailed;
    }
    // Their checks would ask a world that the record says nothing of.
    loaded.bundle->config.schedules.clear();
    std::vector<std::string> engines;
    for (const auto& [name, ignored] : loaded.bundle->config.engines)
      engines.push_back(name);
    WallTime began_at{};
    const auto mends = prometheus_.empty() ? Mends::kAsRecorded : Mends::kAnyAction;
    const auto test = replay_of(stories, mends, engines, began_at);
    rehearsal::TestResult result;
    if (!test.timeline.empty()) result = rehearsal::run_test(*loaded.bundle, test, context.clock(), context.stop());
    if (result.error) {
      context.complain(result.error->str());
      return result.error->code() == ErrorCode::kCancelled ? Exit::kInterrupted : Exit::kFailed;
    }
    decided = compare_replay(stories, engines, began_at, result.seen.incidents);
    say_what_was_otherwise(context, heal_yml, result.remarks, decided);
    return Exit::kDone;
  }

  /// What did not go as the record has it: each thing once.
  static void say_what_was_otherwise(Context& context, const std::string& heal_yml,
                                     const std::vector<std::string>& remarks,
                                     const std::vector<ReplayedIncident>& decided) {
    for (const std::string& remark : std::set<std::string>(remarks.begin(), remarks.end()))
      context.say(fmt::format("{}: {}", heal_yml, remark));
    std::map<std::string, std::size_t> missing;
    for (const ReplayedIncident& row : decided) {
      if (!row.missing_engine.empty()) ++missing[row.missing_engine];
    }
    for (const auto& [engine, count] : missing)
      context.say(fmt::format("{}: there is no engine \"{}\": {} left out", heal_yml, engine, count));
  }

  Result<std::vector<Story>> fetch(Context& context) const {
    const WallTime since = context.clock().now() - *since_, until = context.clock().now() - *until_;
    if (!prometheus_.empty()) {
      HEAL_TRY(const auto history, fetch_alerts(context, prometheus_, since, until));
      auto stories = stories_of(history);
      const auto surplus = static_cast<std::ptrdiff_t>(stories.size() - std::min(stories.size(), limit_));
      if (surplus > 0) say_that_there_are_more(context);
      stories.erase(stories.begin(), stories.begin() + surplus);
      return stories;
    }
    HEAL_TRY(auto stories, file_.empty() ? fetch_from_service(context, since) : read_from_file(context, since));
    std::erase_if(stories,
                  [&](const Story& story) { return story.incident.times.detected_at.value_or(until) > until; });
    return stories;
  }

  Result<std::vector<Story>> fetch_from_service(Context& context, WallTime since) const {
    HEAL_TRY(const auto page, list_incidents(context.service(), {{}, "", "", since, limit_}));
    if (page.has_more) say_that_there_are_more(context);
    std::vector<Story> out;
    for (const Incident& incident : page.incidents) {
      HEAL_TRY(auto story, fetch_story(context.service(), incident.id));
      out.push_back(std::move(story));
    }
    return out;
  }

  Result<std::vector<Story>> read_from_file(Context& context, WallTime since) const {
    if (!context.ports().read_stories) return make_error(ErrorCode::kInvalid, "stores cannot be read here");
    HEAL_TRY(auto stored, context.ports().read_stories(file_, since, limit_ + 1));
    if (stored.size() > limit_) {
      stored.resize(limit_);
      say_that_there_are_more(context);
    }
    std::vector<Story> out(stored.size());
    for (std::size_t i = 0; i < stored.size(); ++i) {
      out[i].incident = std::move(stored[i].incident);
      out[i].timeline = std::move(stored[i].timeline);
      out[i].episodes = std::move(stored[i].episodes);
    }
    return out;
  }

  void say_that_there_are_more(Context& context) const {
    context.say(fmt::format("only the newest {}: --limit gives more", limit_));
  }

  Table table_of(const std::vector<ReplayedIncident>& rows) const {
    std::vector<Column> columns{{"AT"}, {"TARGET", Column::Fit::kCut}, {"ALERT", Column::Fit::kCut}};
    if (has_then()) columns.push_back({"THEN"});
    columns.push_back({"NOW", Column::Fit::kWrap});
    Table table(std::move(columns));
    for (const ReplayedIncident& row : rows) {
      if (!is_shown(row)) continue;
      std::vector<Cell> cells{short_utc(row.at), row.target, row.alert};
      if (has_then()) cells.emplace_back(row.then);
      cells.push_back({row.now, has_then() && row.is_changed() ? Tone::kWarning : Tone::kPlain});
      table.add(std::move(cells));
    }
    return table;
  }

  bool is_shown(const ReplayedIncident& row) const { return all_ || !has_then() || !row.is_same(); }

  Json document_of(const ReplayedIncident& row) const {
    return {{"incident", row.id.empty() ? Json() : Json(row.id)},
            {"at", format_rfc3339(row.at)},
            {"target", row.target},
            {"alert", row.alert},
            {"then", has_then() ? Json(row.then) : Json()},
            {"now", row.now},
            {"same", has_then() && row.can_be_told ? Json(row.is_same()) : Json()},
            {"acted_then", has_then() ? Json(row.acted_then) : Json()},
            {"acted_now", row.acted_now}};
  }

  Exit show(Context& context, const std::vector<ReplayedIncident>& rows) const {
    std::size_t changed = 0, untold = 0, acted_then = 0, acted_now = 0;
    Json list = Json::array();
    for (const ReplayedIncident& row : rows) {
      changed += has_then() && row.is_changed() ? 1 : 0;
      untold += row.can_be_told ? 0 : 1;
      acted_then += row.acted_then ? 1 : 0;
      acted_now += row.acted_now ? 1 : 0;
      if (is_shown(row)) list.push_back(document_of(row));
    }
    const Table table = table_of(rows);
    if (!context.wants_table()) {
      context.print_document(Json{{"incidents", rows.size()},
                                  {"decided_otherwise", has_then() ? Json(changed) : Json()},
                                  {"cannot_be_told", untold},
                                  {"acted_then", has_then() ? Json(acted_then) : Json()},
                                  {"acted_now", acted_now},
                                  {"decisions", std::move(list)}});
    } else if (!table.empty()) {
      context.print(table);
    }
    if (!has_then()) {
      context.say(fmt::format("{} trouble{}, acted on {}", rows.size(), rows.size() == 1 ? "" : "s", acted_now));
      return Exit::kDone;
    }
    const std::string more = untold == 0 ? "" : fmt::format(", {} cannot be told", untold);
    context.say(fmt::format("{} of {} decided otherwise{}; acted on {} then, {} now", changed, rows.size(), more,
                            acted_then, acted_now));
    return changed == 0 ? Exit::kDone : Exit::kLint;
  }

  std::string config_, file_, prometheus_, against_;
  std::optional<Duration> since_ = 7 * 24h, until_ = Duration{};
  std::size_t limit_ = 200;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> make_replay() {
  return std::make_unique<Replay>();
}

}  // namespace heal::ctl
