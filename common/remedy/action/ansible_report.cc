#include "common/remedy/action/ansible_report.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

bool is_true(const Json& object, const char* name) {
  const Json* value = find_member(object, name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string text_at(const Json& object, const char* name) {
  const Json* value = find_member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

std::string name_of(const Json& entry, const char* what) {
  const Json* named = find_member(entry, what);
  return named == nullptr ? "" : text_at(*named, "name");
}

/// A task may fail and be forgiven: `ignore_errors`, `rescue`. The totals count what was not.
std::string word_of(const Json& result) {
  if (is_true(result, "unreachable")) return "unreachable";
  if (is_true(result, "failed")) return is_true(result, "ignore_errors") ? "failed, ignored" : "failed";
  if (is_true(result, "skipped")) return "skipped";
  return is_true(result, "changed") ? "changed" : "ok";
}

void read_task(const Json& task, AnsibleReport& report) {
  const Json* hosts = find_member(task, "hosts");
  if (hosts == nullptr || !hosts->is_object()) return;
  for (const auto& [host, result] : hosts->items()) {
    const std::string word = word_of(result);
    std::string note = fmt::format("{}, {}: {}", name_of(task, "task"), host, word);
    const bool is_bad = word == "failed" || word == "unreachable";
    const std::string message = text_at(result, "msg");
    if (is_bad && !message.empty()) note += fmt::format(" ({})", printable(trim(message), 160));
    if (is_bad && report.first_failure.empty()) report.first_failure = note;
    report.notes.push_back(std::move(note));
  }
}

void add_totals(const Json& stats, AnsibleReport& report) {
  for (const auto& [host, totals] : stats.items()) {
    report.has_hosts = true;
    const auto add = [&totals = totals](const char* name, std::int64_t& total) {
      const Json* value = find_member(totals, name);
      if (value != nullptr && value->is_number_integer()) total += value->get<std::int64_t>();
    };
    add("ok", report.ok);
    add("changed", report.changed);
    add("failures", report.failed);
    add("skipped", report.skipped);
    add("unreachable", report.unreachable);
  }
}

}  // namespace

Result<AnsibleReport> parse_ansible_report(std::string_view output) {
  const auto begin = output.starts_with('{') ? 0 : output.find("\n{");
  const auto unreadable = [](std::string_view why) {
    return make_error(ErrorCode::kProtocol, "ansible-playbook's report cannot be read: {}", why);
  };
  if (begin == std::string_view::npos) return unreadable("there is none (is the callback plugin json installed?)");
  const auto json = parse_json(trim(output.substr(begin)));
  if (!json) return unreadable(json.error().str());
  const Json* plays = find_member(*json, "plays");
  const Json* stats = find_member(*json, "stats");
  if (plays == nullptr || !plays->is_array() || stats == nullptr || !stats->is_object())
    return unreadable("it has no plays or no stats");
  AnsibleReport report;
  for (const Json& play : *plays) {
    const Json* tasks = find_member(play, "tasks");
    if (tasks == nullptr || !tasks->is_array()) continue;
    for (const Json& task : *tasks)
      read_task(task, report);
  }
  add_totals(*stats, report);
  return report;
}

}  // namespace heal::remedy
