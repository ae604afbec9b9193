#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/drill/conductor.h"
#include "healctl/output/junit.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

using Outcome = DrillStage::Outcome;

std::optional<Drill> load(Context& context, const std::string& file) {
  config::Diagnostics diagnostics;
  std::optional<Drill> drill;
  if (const auto text = config::read_text_file(file); text) {
    drill = parse_drill(*text, file, diagnostics);
  } else {
    diagnostics.error({}, text.error().message());
  }
  if (diagnostics.empty()) return drill;
  const std::string told = diagnostics.render();
  for (const auto line : split(trim(told), '\n'))
    context.say(line);
  return drill;
}

std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "ok";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kUnknown:
      break;
  }
  return "unknown";
}

JunitCase::Outcome junit_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return JunitCase::Outcome::kPassed;
    case Outcome::kFailed:
      return JunitCase::Outcome::kFailed;
    case Outcome::kUnknown:
      break;
  }
  return JunitCase::Outcome::kError;
}

Json seconds_or_null(const std::optional<Duration>& duration) {
  return duration ? Json(to_seconds(*duration)) : Json();
}

class DrillCheckCommand final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"drill", "check"},
            .summary = "Check drill files, and show everything that is wrong, each at its place.",
            .details = "Needs no service. Exits 1 when a file is invalid.",
            .arguments = {{.names = "FILE",
                           .help = "drill files, folders, globs",
                           .occurs = Occurs::kAtLeastOnce,
                           .completes = Completes::kFiles,
                           .set = into(files_)}},
            .examples = {"healctl drill check compose/drills"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    const auto files = config::expand_paths(files_, ".");
    if (!files) {
      context.complain(files.error().str());
      return Exit::kFailed;
    }
    Json list = Json::array();
    bool is_good = true;
    for (const std::string& file : *files) {
      const auto drill = load(context, file);
      is_good = is_good && drill;
      list.push_back({{"file", file}, {"valid", drill.has_value()}, {"drill", drill ? Json(drill->name) : Json()}});
      if (drill && context.wants_table())
        context.print(fmt::format("{}: {}: {}\n", safe_text(file), safe_text(drill->name), safe_text(drill->summary)));
    }
    if (!context.wants_table()) context.print_document(Json{{"files", std::move(list)}});
    return is_good ? Exit::kDone : Exit::kFailed;
  }

 private:
  std::vector<std::string> files_;
};

class DrillRun final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"drill", "run"},
            .summary = "Break something on purpose, and see whether it is noticed, decided on and healed in time.",
            .details =
                "Steady state, fault under lease, alert, decision, verified heal, nothing else touched, fault undone, "
                "steady state again. The times are the service's own. The fault is undone on every way out, also on "
                "Ctrl-C; when healctl dies, by the service at the end of the lease.\n"
                "Exits 0 when everything came as expected, 1 when not, 4 when the fault was refused, 6 when it is not "
                "known whether it was begun, 7 when the service or Prometheus could not be asked, 8 when the steady "
                "state did not come back. The first that went wrong counts.",
            .arguments = {{.names = "FILE",
                           .help = "the drill",
                           .occurs = Occurs::kRequired,
                           .completes = Completes::kFiles,
                           .set = into(file_)}},
            .options = {{.names = "--junit",
                         .value = "FILE",
                         .help = "write a JUnit report, for CI",
                         .completes = Completes::kFiles,
                         .set = into(junit_)},
                        {.names = "--prometheus",
                         .value = "URL",
                         .help = "where queries are asked (default prometheus of healctl's configuration)",
                         .set = into_url(prometheus_)},
                        {.names = "--yes-really",
                         .help = "also break a target in production (label heal.environment=production)",
                         .set = into(yes_really_)},
                        {.names = "--dry-run",
                         .help = "only look at the steady state, and ask whether the fault would be allowed",
                         .set = into(dry_run_)}},
            .examples = {"healctl drill run compose/drills/nginx-kill.yml",
                         "healctl drill run -o json compose/drills/nginx-kill.yml"}};
  }

  Exit run(Context& context) override {
    const auto drill = load(context, file_);
    if (!drill) return Exit::kFailed;
    if (!junit_.empty()) {
      if (const auto writable = check_junit(junit_); !writable) {
        context.complain(writable.error().str());
        return Exit::kFailed;
      }
    }
    Conductor conductor(
        context, *drill, prometheus_.empty() ? context.settings().prometheus : prometheus_,
        yes_really_ ? fault::InProduction::kReally : fault::InProduction::kRefuse,
        [&](const DrillStage& stage) { show_stage(context, stage); },
        [&](const std::string& what, Duration since, Duration limit) { show_wait(context, what, since, limit); });
    context.say(fmt::format("drill {}: {}", drill->name, drill->summary));
    const DrillReport report = dry_run_ ? conductor.rehearse() : conductor.run();
    context.clear_progress();
    show_report(context, *drill, report);
    if (!junit_.empty()) {
      if (const auto written = write_junit(junit_, to_cases(*drill, report)); !written) {
        context.complain(written.error().str());
        return report.exit == Exit::kDone ? Exit::kFailed : report.exit;
      }
    }
    return report.exit;
  }

 private:
  static void show_stage(Context& context, const DrillStage& stage) {
    const std::string at = stage.at ? fmt::format(" at {}", format_duration_short(*stage.at)) : "";
    context.say(fmt::format("{:<12}  {:<6}{}  {}", stage.name, word_of(stage.outcome), at, stage.message));
  }
  static void show_wait(Context& context, const std::string& what, Duration since, Duration limit) {
    const std::string of = limit == Duration{} ? "" : fmt::format(" of {}", format_duration_short(limit));
    context.show_progress(fmt::format("waiting for {}, {}{}", what, format_duration_short(since), of));
  }

  static void show_report(Context& context, const Drill& drill, const DrillReport& report) {
    if (!context.wants_table()) return context.print_document(to_document(drill, report));
    Table table({{"STAGE", Column::Fit::kKeep},
                 {"RESULT", Column::Fit::kKeep},
                 {"AT", Column::Fit::kKeep, Column::Align::kRight},
                 {"WITHIN", Column::Fit::kKeep, Column::Align::kRight},
                 {"", Column::Fit::kWrap}});
    for (const DrillStage& stage : report.stages) {
      const Tone tone = stage.outcome == Outcome::kPassed ? Tone::kGood : Tone::kBad;
      table.add({stage.name,
                 {std::string(word_of(stage.outcome)), tone},
                 stage.at ? format_duration_short(*stage.at) : "",
                 stage.limit ? format_duration_short(*stage.limit) : "",
                 stage.message});
    }
    context.print(table);
    std::string times;
    for (const char* name : {"detect", "decide", "act", "verify", "resolve"}) {
      const auto found = report.times.find(name);
      times += fmt::format("{}{} {}", times.empty() ? "" : " · ", name,
                           found == report.times.end() ? "-" : format_duration_short(found->second));
    }
    context.print(fmt::format("since the fault: {}\n", times));
  }

  static Json to_document(const Drill& drill, const DrillReport& report) {
    Json stages = Json::array();
    for (const DrillStage& stage : report.stages) {
      stages.push_back({{"stage", stage.name},
                        {"result", word_of(stage.outcome)},
                        {"message", stage.message},
                        {"at_seconds", seconds_or_null(stage.at)},
                        {"within_seconds", seconds_or_null(stage.limit)}});
    }
    Json times = Json::object();
    for (const char* name : {"detect", "decide", "act", "verify", "resolve"}) {
      const auto found = report.times.find(name);
      times[name] = found == report.times.end() ? Json() : Json(to_seconds(found->second));
    }
    return {
        {"drill", drill.name},         {"target", drill.target.str()},           {"fault", drill.fault},
        {"lease", report.lease_id},    {"incident", report.incident_id},         {"passed", report.exit == Exit::kDone},
        {"stages", std::move(stages)}, {"seconds_since_fault", std::move(times)}};
  }

  static std::vector<JunitCase> to_cases(const Drill& drill, const DrillReport& report) {
    std::vector<JunitCase> cases;
    for (const DrillStage& stage : report.stages) {
      cases.push_back({drill.name, stage.name, to_seconds(stage.took), junit_of(stage.outcome),
                       stage.outcome == Outcome::kPassed ? "" : stage.message, ""});
    }
    return cases;
  }

  std::string file_, junit_, prometheus_;
  bool dry_run_ = false, yes_really_ = false;
};

}  // namespace

std::unique_ptr<Command> make_drill_check() {
  return std::make_unique<DrillCheckCommand>();
}
std::unique_ptr<Command> make_drill_run() {
  return std::make_unique<DrillRun>();
}

}  // namespace heal::ctl
