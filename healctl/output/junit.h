#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace heal::ctl {

/// One test, or one stage of a drill.
struct JunitCase {
  std::string suite, name;
  double seconds = 0;
  enum class Outcome { kPassed, kFailed, kError, kSkipped } outcome = Outcome::kPassed;
  std::string message;  ///< one line, of all that did not pass
  std::string details;
};

/// The cases as a JUnit report (testsuites/testsuite/testcase), as CI systems read it: suites in the order of their
/// first case. Characters that XML cannot hold are left out.
std::string to_junit(const std::vector<JunitCase>& cases);

/// Whether `file` can be written: for those who do much before they have something to say. Leaves what is in it, and
/// makes an empty one where none is. kStorage.
Status check_junit(const std::string& file);

/// Writes it to `file`, in place of what was there. kStorage.
Status write_junit(const std::string& file, const std::vector<JunitCase>& cases);

}  // namespace heal::ctl
