#include "common/probe/dns_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/dns_names.h"

namespace heal::probe {
namespace {

/// An expression that could not be compiled, if `records` would have to be held against it.
const LateRegex* unusable(const DnsValidation& validation) {
  for (const auto* list : {&validation.fail_if_matches, &validation.fail_if_all_match, &validation.fail_if_not_matches,
                           &validation.fail_if_none_matches}) {
    for (const LateRegex& regex : *list) {
      if (!regex.compiled) return &regex;
    }
  }
  return nullptr;
}

bool matches(const LateRegex& regex, const DnsRecord& record) {
  return regex.compiled->search(record.text);
}

/// The test that one record alone fails, in words; "" for none.
std::string record_breach(const DnsValidation& validation, const DnsRecord& record) {
  for (const LateRegex& regex : validation.fail_if_matches) {
    if (matches(regex, record)) return fmt::format("\"{}\" matches {}", printable(record.text), regex.text);
  }
  for (const LateRegex& regex : validation.fail_if_not_matches) {
    if (!matches(regex, record)) return fmt::format("\"{}\" does not match {}", printable(record.text), regex.text);
  }
  return {};
}

/// The test that the records fail together, in words; "" for none.
std::string section_breach(const DnsValidation& validation, const std::vector<DnsRecord>& records) {
  const std::vector<LateRegex>& all = validation.fail_if_all_match;
  const std::vector<LateRegex>& none = validation.fail_if_none_matches;
  const bool all_match = std::all_of(records.begin(), records.end(), [&](const DnsRecord& record) {
    return std::all_of(all.begin(), all.end(), [&](const LateRegex& regex) { return matches(regex, record); });
  });
  // blackbox_exporter's reading of the key, against its name: what does not match everywhere fails.
  if (!all.empty() && !all_match) return "not every record matches fail_if_all_match_regexp";
  const bool some_match = std::any_of(records.begin(), records.end(), [&](const DnsRecord& record) {
    return std::any_of(none.begin(), none.end(), [&](const LateRegex& regex) { return matches(regex, record); });
  });
  if (!none.empty() && !some_match) return "no record matches fail_if_none_matches_regexp";
  return {};
}

std::string breach_of(const DnsValidation& validation, const std::vector<DnsRecord>& records) {
  const bool needs_record = !validation.fail_if_not_matches.empty() || !validation.fail_if_none_matches.empty();
  if (records.empty() && needs_record) return "there is no record to match";
  const LateRegex* broken = records.empty() ? nullptr : unusable(validation);
  if (broken != nullptr) return fmt::format("{} is not a regular expression", broken->text);
  for (const DnsRecord& record : records) {
    if (std::string breach = record_breach(validation, record); !breach.empty()) return breach;
  }
  return section_breach(validation, records);
}

}  // namespace

std::optional<ProbeFailure> check_rcode(const DnsSettings& settings, int rcode) {
  const std::vector<std::string> valid = settings.valid_rcodes.value_or(std::vector<std::string>{"NOERROR"});
  const auto failure = [](std::string message) {
    return ProbeFailure{ProbePhase::kStatus, ProbeReason::kUnexpectedStatus, std::move(message)};
  };
  bool is_valid = false;
  for (const std::string& word : valid) {
    const std::optional<int> known = dns_rcode(word);
    if (!known) return failure(fmt::format("\"{}\" in valid_rcodes is not a response code", printable(word)));
    is_valid = is_valid || *known == rcode;
  }
  if (is_valid) return std::nullopt;
  return failure(fmt::format("response code {}, expected {}", dns_rcode_name(rcode), fmt::join(valid, " or ")));
}

std::optional<ProbeFailure> check_records(std::string_view section, const DnsValidation& validation,
                                          const std::vector<DnsRecord>& records) {
  const std::string breach = breach_of(validation, records);
  if (breach.empty()) return std::nullopt;
  return ProbeFailure{ProbePhase::kBody, ProbeReason::kRegexp, fmt::format("{}: {}", section, breach)};
}

}  // namespace heal::probe
