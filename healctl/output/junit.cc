#include "healctl/output/junit.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::ctl {
namespace {

using CaseOutcome = JunitCase::Outcome;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : to_valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\n') {
      out += "&#10;";
    } else if (byte >= 0x20 || c == '\t') {
      out += c;
    }
  }
  return out;
}

/// Text between tags: line ends stay.
std::string escaped_lines(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::string out;
  for (const auto line : split(text, '\n'))
    out += escaped(line) + "\n";
  return out;
}

std::string to_xml(const JunitCase& one) {
  std::string out = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"", escaped(one.suite),
                                escaped(one.name), one.seconds);
  if (one.outcome == CaseOutcome::kPassed) return out + "/>\n";
  const char* tag = one.outcome == CaseOutcome::kFailed  ? "failure"
                    : one.outcome == CaseOutcome::kError ? "error"
                                                         : "skipped";
  return out + fmt::format(">\n      <{0} message=\"{1}\">{2}</{0}>\n    </testcase>\n", tag, escaped(one.message),
                           escaped_lines(one.details));
}

struct Tally {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;

  void add(const JunitCase& one) {
    ++tests;
    failures += one.outcome == CaseOutcome::kFailed ? 1 : 0;
    errors += one.outcome == CaseOutcome::kError ? 1 : 0;
    skipped += one.outcome == CaseOutcome::kSkipped ? 1 : 0;
    seconds += one.seconds;
  }
  std::string str() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\"", tests, failures,
                       errors, skipped, seconds);
  }
};

}  // namespace

std::string to_junit(const std::vector<JunitCase>& cases) {
  std::vector<std::string> suites;
  Tally all;
  for (const JunitCase& one : cases) {
    if (std::find(suites.begin(), suites.end(), one.suite) == suites.end()) suites.push_back(one.suite);
    all.add(one);
  }
  std::string out = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {}>\n", all.str());
  for (const std::string& suite : suites) {
    Tally tally;
    std::string body;
    for (const JunitCase& one : cases) {
      if (one.suite != suite) continue;
      tally.add(one);
      body += to_xml(one);
    }
    out += fmt::format("  <testsuite name=\"{}\" {}>\n{}  </testsuite>\n", escaped(suite), tally.str(), body);
  }
  return out + "</testsuites>\n";
}

Status check_junit(const std::string& file) {
  if (!std::ofstream(file, std::ios::app)) return make_error(ErrorCode::kStorage, "{}: cannot be written", file);
  return {};
}

Status write_junit(const std::string& file, const std::vector<JunitCase>& cases) {
  std::ofstream out(file, std::ios::trunc);
  out << to_junit(cases) << std::flush;
  if (!out) return make_error(ErrorCode::kStorage, "{}: cannot be written", file);
  return {};
}

}  // namespace heal::ctl
