#pragma once

#include <string>
#include <vector>

#include "common/base/source_span.h"
#include "common/rehearsal/case.h"
#include "common/rehearsal/observe.h"

namespace heal::rehearsal {

/// One thing that is not as the test expects.
struct Mismatch {
  SourceSpan span;             ///< of what was expected
  std::string what;            ///< `incident 1 (NginxDown): state`
  std::string expected, seen;  ///< for people, one line each

  bool operator==(const Mismatch&) const = default;
};

/// Everything that a test looks at.
struct Observation {
  std::vector<ObservedIncident> incidents;
  std::vector<std::string> calls, alerts;
};

/// All differences, in the order of the file; none: the test passes.
std::vector<Mismatch> compare(const Expectation& expected, const Observation& seen);

}  // namespace heal::rehearsal
