#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/playbook/bundle.h"
#include "common/rehearsal/case.h"
#include "common/rehearsal/compare.h"

namespace heal::rehearsal {

/// How one test ended.
struct TestResult {
  std::string name;
  SourceSpan span;
  std::optional<Error> error;  ///< it could not be played; then nothing was compared
  std::vector<Mismatch> mismatches;
  Observation seen;
  std::vector<std::string> remarks;  ///< what did not go as the test may think
  double seconds = 0;                ///< of real time that it took

  bool passed() const { return !error && mismatches.empty(); }
};

/// Plays `test` against the files of `bundle` and compares. The same files give the same result. No other thread of the
/// process may work meanwhile. `watch` is a real clock, for how long it took.
TestResult run_test(const playbook::Bundle& bundle, const TestCase& test, Clock& watch, std::stop_token stop);

/// Why it failed, for people: each difference with its place, and what happened. "" when it passed.
std::string explain(const TestResult& result);

}  // namespace heal::rehearsal
