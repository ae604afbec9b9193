#include "common/remedy/progress.h"

#include <array>

#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::array<std::string_view, 3> kAfterNames{"none", "pending", "running"};

Result<std::vector<std::string>> texts(const Json& json, std::string_view name) {
  std::vector<std::string> out;
  HEAL_TRY(const Json* list, get_array(json, name));
  for (const Json& item : *list) {
    if (!item.is_string()) return make_error(ErrorCode::kInvalid, "/{}: expected texts", name);
    out.push_back(item.get<std::string>());
  }
  return out;
}

Json to_json(const Approval& approval) {
  return {{"plan_hash", approval.plan_hash},
          {"expires_at", format_rfc3339_nano(approval.expires_at)},
          {"needed", approval.needed},
          {"by", approval.by}};
}

Result<Approval> parse_approval(const Json& json) {
  Approval out;
  HEAL_TRY(out.plan_hash, get_string(json, "plan_hash"));
  HEAL_TRY(out.expires_at, get_time(json, "expires_at"));
  HEAL_TRY(const auto needed, get_int(json, "needed"));
  out.needed = static_cast<std::uint32_t>(needed);
  HEAL_TRY(out.by, texts(json, "by"));
  return out;
}

Result<Ladder> parse_ladder(const Json& json) {
  Ladder out;
  HEAL_TRY(out.rungs, texts(json, "rungs"));
  HEAL_TRY(const auto next, get_int(json, "next"));
  out.next = static_cast<std::size_t>(next);
  HEAL_TRY(const auto needs_cooldown, get_optional_bool(json, "needs_cooldown"));
  out.needs_cooldown = needs_cooldown.value_or(false);
  return out;
}

Result<std::vector<RanStep>> parse_unjudged(const Json& json) {
  std::vector<RanStep> out;
  if (!json.contains("unjudged")) return out;
  HEAL_TRY(const Json* list, get_array(json, "unjudged"));
  for (const Json& item : *list) {
    RanStep step;
    HEAL_TRY(step.playbook, get_string(item, "playbook"));
    HEAL_TRY(step.kind, get_string(item, "kind"));
    out.push_back(std::move(step));
  }
  return out;
}

Result<Undoing> parse_undoing(const Json& json) {
  Undoing out;
  HEAL_TRY(const std::string event, get_string(json, "event"));
  out.event = parse_incident_event(event).value_or(IncidentEvent::kFail);
  HEAL_TRY(out.reason, get_string(json, "reason"));
  HEAL_TRY(out.message, get_string(json, "message"));
  return out;
}

/// What versions before this one did not store.
Status parse_later_members(const Json& json, Progress& progress) {
  HEAL_TRY(const Json* called_off, get_optional_object(json, "called_off"));
  if (called_off != nullptr) {
    CallOff out;
    HEAL_TRY(out.reason, get_string(*called_off, "reason"));
    HEAL_TRY(out.message, get_string(*called_off, "message"));
    progress.called_off = std::move(out);
  }
  HEAL_TRY(const Json* undoing, get_optional_object(json, "undoing"));
  if (undoing != nullptr) {
    HEAL_TRY(progress.undoing, parse_undoing(*undoing));
  }
  HEAL_TRY(const Json* approval, get_optional_object(json, "approval"));
  if (approval != nullptr) {
    HEAL_TRY(progress.approval, parse_approval(*approval));
  }
  HEAL_TRY(const Json* ladder, get_optional_object(json, "ladder"));
  if (ladder != nullptr) {
    HEAL_TRY(progress.ladder, parse_ladder(*ladder));
  }
  HEAL_TRY(const auto group, get_optional_string(json, "group"));
  progress.group = group.value_or("");
  if (json.contains("truncated_groups")) {
    HEAL_TRY(progress.truncated_groups, texts(json, "truncated_groups"));
  }
  HEAL_TRY(const auto after, get_optional_string(json, "after"));
  for (std::size_t i = 0; after && i < kAfterNames.size(); ++i) {
    if (kAfterNames[i] == *after) progress.after = static_cast<AfterResolve>(i);
  }
  HEAL_TRY(progress.after_until, get_optional_time(json, "after_until"));
  HEAL_TRY(const auto version, get_optional_string(json, "playbook_version"));
  progress.playbook_version = version.value_or("");
  HEAL_TRY(const auto has_evidence, get_optional_bool(json, "has_evidence"));
  progress.has_evidence = has_evidence.value_or(false);
  HEAL_TRY(progress.paged_at, get_optional_time(json, "paged_at"));
  HEAL_TRY(const auto last_healed, get_optional_string(json, "last_healed"));
  progress.last_healed = last_healed.value_or("");
  HEAL_TRY(const auto page_state, get_optional_string(json, "page_state"));
  progress.page_state = page_state.value_or("");
  HEAL_TRY(const auto is_mailed, get_optional_bool(json, "is_mailed"));
  progress.is_mailed = is_mailed.value_or(false);
  HEAL_TRY(const auto has_started_target, get_optional_bool(json, "has_started_target"));
  progress.has_started_target = has_started_target.value_or(false);
  HEAL_TRY(const auto has_died, get_optional_bool(json, "has_died"));
  progress.has_died = has_died.value_or(false);
  HEAL_TRY(const auto is_counted, get_optional_bool(json, "is_counted"));
  progress.is_counted = is_counted.value_or(true);
  HEAL_TRY(const auto history_before, get_optional_string(json, "history_before"));
  progress.history_before = history_before.value_or("");
  HEAL_TRY(const auto deployed_by, get_optional_string(json, "deployed_by"));
  progress.deployed_by = deployed_by.value_or("");
  HEAL_TRY(const auto after_waits, get_optional_string(json, "after_waits"));
  progress.after_waits = after_waits.value_or("");
  HEAL_TRY(const auto ended_by, get_optional_string(json, "ended_by"));
  progress.ended_by = ended_by.value_or("");
  HEAL_TRY(progress.unjudged, parse_unjudged(json));
  return {};
}

}  // namespace

void Progress::hold(std::vector<std::string> targets) {
  locks = std::move(targets);
  touched.clear();
}

void Progress::let_go() {
  hold({});
}

std::string to_json_text(const Progress& progress) {
  Json out{{"params", to_json_value(progress.params)},
           {"container_id", progress.container_id},
           {"wake_at", to_json_value(progress.wake_at)},
           {"held_since", to_json_value(progress.held_since)},
           {"settle_at", to_json_value(progress.settle_at)},
           {"last_healed", progress.last_healed},
           {"stepped_at", to_json_value(progress.stepped_at)},
           {"locks", progress.locks},
           {"touched", progress.touched},
           {"has_started_target", progress.has_started_target},
           {"has_died", progress.has_died},
           {"group", progress.group},
           {"after", kAfterNames[static_cast<std::size_t>(progress.after)]},
           {"after_until", to_json_value(progress.after_until)},
           {"playbook_version", progress.playbook_version},
           {"has_evidence", progress.has_evidence},
           {"paged_at", to_json_value(progress.paged_at)},
           {"page_state", progress.page_state},
           {"is_mailed", progress.is_mailed},
           {"is_counted", progress.is_counted},
           {"history_before", progress.history_before},
           {"deployed_by", progress.deployed_by},
           {"after_waits", progress.after_waits},
           {"ended_by", progress.ended_by}};
  if (!progress.truncated_groups.empty()) out["truncated_groups"] = progress.truncated_groups;
  for (const RanStep& step : progress.unjudged)
    out["unjudged"].push_back({{"playbook", step.playbook}, {"kind", step.kind}});
  if (progress.called_off)
    out["called_off"] = {{"reason", progress.called_off->reason}, {"message", progress.called_off->message}};
  if (progress.undoing) {
    out["undoing"] = {{"event", to_string(progress.undoing->event)},
                      {"reason", progress.undoing->reason},
                      {"message", progress.undoing->message}};
  }
  if (progress.approval) out["approval"] = to_json(*progress.approval);
  if (progress.ladder) {
    out["ladder"] = {{"rungs", progress.ladder->rungs},
                     {"next", progress.ladder->next},
                     {"needs_cooldown", progress.ladder->needs_cooldown}};
  }
  return dump(out);
}

Result<Progress> parse_progress(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Progress progress;
  HEAL_TRY(progress.params, get_labels(json, "params"));
  HEAL_TRY(progress.container_id, get_string(json, "container_id"));
  HEAL_TRY(progress.wake_at, get_optional_time(json, "wake_at"));
  HEAL_TRY(progress.held_since, get_optional_time(json, "held_since"));
  HEAL_TRY(progress.settle_at, get_optional_time(json, "settle_at"));
  HEAL_TRY(progress.stepped_at, get_optional_time(json, "stepped_at"));
  HEAL_TRY(progress.locks, texts(json, "locks"));
  HEAL_TRY(progress.touched, texts(json, "touched"));
  HEAL_TRY_STATUS(parse_later_members(json, progress));
  return progress;
}

}  // namespace heal::remedy
