#include "common/rehearsal/run.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/rehearsal/stage.h"

namespace heal::rehearsal {
namespace {

Status play(const playbook::Bundle& bundle, const TestCase& test, Clock& watch, TestResult& out, std::stop_token stop) {
  Stage stage(bundle, test, watch);
  const Status played = stage.play(std::move(stop));
  out.remarks = stage.remarks();
  HEAL_TRY(out.seen.incidents, observe(stage.store(), stage.began_at()));
  out.seen.calls = stage.calls();
  out.seen.alerts = stage.posted_alerts();
  return played;
}

std::string offset(Duration at) {
  return at < Duration{} ? "-" + format_duration(-at) : format_duration(at);
}

}  // namespace

TestResult run_test(const playbook::Bundle& bundle, const TestCase& test, Clock& watch, std::stop_token stop) {
  TestResult out;
  out.name = test.name;
  out.span = test.span;
  const SteadyTime begin = watch.steady_now();
  const Status played = play(bundle, test, watch, out, std::move(stop));
  if (!played.has_value()) out.error = played.error();
  if (!out.error) out.mismatches = compare(test.expect, out.seen);
  out.seconds = to_seconds(watch.steady_now() - begin);
  return out;
}

std::string explain(const TestResult& result) {
  if (result.passed()) return "";
  std::string out;
  if (result.error) out += fmt::format("  {}\n", printable(result.error->str(), 1000));
  for (const Mismatch& one : result.mismatches) {
    out += fmt::format("  {}: {}\n    expected  {}\n    got       {}\n", one.span.str(), printable(one.what, 300),
                       printable(one.expected, 1000), printable(one.seen, 1000));
  }
  for (const std::string& remark : result.remarks)
    out += fmt::format("  note: {}\n", printable(remark, 500));
  for (const ObservedIncident& incident : result.seen.incidents) {
    out += fmt::format("  what happened to {} ({}):\n", incident.target.empty() ? "no target" : incident.target,
                       printable(incident.alert));
    for (const ObservedLine& line : incident.story)
      out += fmt::format("    {:>9}  {:<12}  {}\n", offset(line.at), line.kind, printable(line.message, 200));
  }
  return out;
}

}  // namespace heal::rehearsal
