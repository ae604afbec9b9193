#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/playbook/bundle.h"
#include "common/rehearsal/run.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/output/junit.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

using rehearsal::TestFile;
using rehearsal::TestResult;

class PlaybookTest final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"playbook", "test"},
        .summary = "Play test files against heal.yml and its playbooks, in a simulated world with a clock of its own.",
        .details =
            "The engine of heal-webhook itself decides and acts, on simulated containers, servers, Prometheus and "
            "Alertmanager; nothing real is touched, and hours pass in moments. Exits 1 when a test fails or a file "
            "is invalid. The files are told of in common/rehearsal/README.md.",
        .arguments = {{.names = "FILE",
                       .help = "test files, folders, globs",
                       .occurs = Occurs::kAtLeastOnce,
                       .completes = Completes::kFiles,
                       .set = into(files_)}},
        .options =
            {{.names = "--junit",
              .value = "FILE",
              .help = "write a JUnit report, for CI",
              .completes = Completes::kFiles,
              .set = into(junit_)},
             {.names = "--only", .value = "TEXT", .help = "only tests whose name holds this", .set = into(only_)}},
        .examples = {"healctl playbook test compose/config/fast/tests",
                     "healctl playbook test --only silenced compose/config/production/tests/*.yml"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    const auto files = config::expand_paths(files_, ".");
    if (!files) {
      context.complain(files.error().str());
      return Exit::kFailed;
    }
    for (const std::string& file : *files) {
      run_file(context, file);
      if (context.stop().stop_requested()) return Exit::kInterrupted;
    }
    if (!context.wants_table()) context.print_document(to_document());
    if (!junit_.empty()) {
      if (const auto written = write_junit(junit_, cases_); !written) {
        context.complain(written.error().str());
        return Exit::kFailed;
      }
    }
    return tell_result(context, files->size());
  }

 private:
  Exit tell_result(Context& context, std::size_t files) const {
    if (run_ == 0 && broken_ == 0) {
      context.complain(only_.empty() ? "there are no tests" : "no test has such a name");
      return Exit::kFailed;
    }
    context.say(fmt::format("{} of {} tests passed, in {} file{}{}", run_ - failed_, run_, files, files == 1 ? "" : "s",
                            broken_ == 0 ? "" : fmt::format("; {} could not be used", broken_)));
    return failed_ + broken_ == 0 ? Exit::kDone : Exit::kFailed;
  }

  void reject(Context& context, const std::string& file, const config::Diagnostics& diagnostics) {
    ++broken_;
    const std::string told = diagnostics.render();
    for (const auto line : split(trim(told), '\n'))
      context.say(line);
    cases_.push_back({file, "the file", 0, JunitCase::Outcome::kError, diagnostics.to_error().str(), told});
  }

  void run_file(Context& context, const std::string& file) {
    config::Diagnostics diagnostics;
    std::optional<TestFile> tests;
    if (const auto text = config::read_text_file(file); text) {
      tests = rehearsal::parse_test_file(*text, file, diagnostics);
    } else {
      diagnostics.error({}, text.error().message());
    }
    if (!tests) return reject(context, file, diagnostics);
    auto loaded = playbook::load(tests->heal_yml, playbook::NamedFiles::kMayBeElsewhere);
    if (!loaded.bundle) return reject(context, file, loaded.diagnostics);
    for (const auto& test : tests->tests) {
      if (context.stop().stop_requested()) return;
      if (!only_.empty() && test.name.find(only_) == std::string::npos) continue;
      take(context, file, rehearsal::run_test(*loaded.bundle, test, context.clock(), context.stop()));
    }
  }

  void take(Context& context, const std::string& file, TestResult result) {
    ++run_;
    const std::string details = rehearsal::explain(result);
    JunitCase one{file, result.name, result.seconds, JunitCase::Outcome::kPassed, "", details};
    if (!result.passed()) {
      ++failed_;
      one.outcome = result.error ? JunitCase::Outcome::kError : JunitCase::Outcome::kFailed;
      one.message = result.error ? result.error->str()
                                 : fmt::format("{}: expected {}, got {}", result.mismatches[0].what,
                                               result.mismatches[0].expected, result.mismatches[0].seen);
    }
    cases_.push_back(std::move(one));
    if (context.wants_table()) {
      const bool is_good = result.passed();
      context.print(fmt::format("{}  {}: {}\n",
                                toned(is_good ? "ok  " : "FAIL", is_good ? Tone::kGood : Tone::kBad, context.colour()),
                                safe_text(file), safe_text(result.name)));
      if (!details.empty()) context.print(safe_lines(details));
    }
    results_.emplace_back(file, std::move(result));
  }

  Json to_document() const {
    Json list = Json::array();
    for (const auto& [file, result] : results_) {
      Json mismatches = Json::array();
      for (const auto& one : result.mismatches)
        mismatches.push_back(
            {{"place", one.span.str()}, {"what", one.what}, {"expected", one.expected}, {"got", one.seen}});
      list.push_back({{"file", file},
                      {"name", result.name},
                      {"passed", result.passed()},
                      {"error", result.error ? Json(result.error->str()) : Json()},
                      {"mismatches", std::move(mismatches)},
                      {"notes", result.remarks}});
    }
    return {{"tests", run_}, {"failed", failed_}, {"unusable_files", broken_}, {"results", std::move(list)}};
  }

  std::vector<std::string> files_;
  std::string junit_, only_;
  std::vector<JunitCase> cases_;
  std::vector<std::pair<std::string, TestResult>> results_;
  std::size_t run_ = 0, failed_ = 0, broken_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_playbook_test() {
  return std::make_unique<PlaybookTest>();
}

}  // namespace heal::ctl
