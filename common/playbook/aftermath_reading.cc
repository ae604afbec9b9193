#include <algorithm>

#include <fmt/format.h>

#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

void read_approval(MapReader& map, Playbook& out) {
  const auto value = map.find("approval");
  if (!value) return;
  MapReader approval(*value, "\"approval\"");
  std::int64_t approvers = out.approval.approvers;
  approval.optional("ttl", out.approval.ttl, config::as_positive_duration);
  approval.optional("approvers", approvers, config::as_integer(1, 10));
  approval.finish();
  out.approval.approvers = static_cast<std::uint32_t>(approvers);
  if (out.mode != Mode::kApprove)
    value->warning("\"approval\" is of no use here: nobody is asked", "write mode: approve");
}

void read_escalate(MapReader& map, Playbook& out) {
  const auto value = map.find("escalate");
  if (!value) return;
  if (!value->is_list()) return value->must_be("a list of names of playbooks");
  const auto items = value->items();
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto name = as_identifier(items[i]);
    if (!name) continue;
    if (*name == kPageRung && i + 1 < items.size())
      items[i].error("a human is the last rung: nothing comes after \"page\"");
    out.escalate.push_back(std::move(*name));
  }
}

/// A list of steps, or a map with what must be true before they run.
void read_on_resolved(MapReader& map, const References& references, Playbook& out) {
  const auto value = map.find("on_resolved");
  if (!value) return;
  ResolvedSpec resolved;
  if (value->is_list()) {
    if (value->node().items.empty()) return;
    resolved.steps = read_steps(*value, out.params);
  } else {
    MapReader inner(*value, "\"on_resolved\"");
    if (const auto check = inner.find("check")) resolved.checks = read_checks(*check, references, AllowFailing::kNo);
    inner.optional("within", resolved.within, config::as_positive_duration);
    if (const auto steps = inner.find_required("steps")) resolved.steps = read_steps(*steps, out.params);
    inner.finish();
  }
  for (const auto& step : resolved.steps) {
    if (!step.undo.empty()) value->error(fmt::format("step {}: nothing is undone after on_resolved", step.name));
  }
  if (resolved.checks.empty() && !out.verify) {
    value->error("nothing says when the trouble is over",
                 "give \"verify\", or on_resolved: {check: [{check: health}], steps: […]}");
  }
  out.on_resolved = std::move(resolved);
}

}  // namespace

void read_aftermath(MapReader& map, const References& references, Playbook& out) {
  read_approval(map, out);
  const config::as_enum<OnFailure> words({{"undo", OnFailure::kUndo}, {"keep", OnFailure::kKeep}});
  map.optional("on_failure", out.on_failure, words);
  read_escalate(map, out);
  read_on_resolved(map, references, out);
}

}  // namespace heal::playbook
