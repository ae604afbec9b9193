#include "common/wire/incident_json.h"

#include <utility>

#include "common/model/heal_outcome.h"
#include "common/model/incident_times.h"
#include "common/wire/json.h"

namespace heal {
namespace {

std::string member_of(const NamedTime& time) {
  return std::string(time.name) + "_at";
}

Json seconds_or_null(const std::optional<Duration>& duration) {
  return duration ? Json(to_seconds(*duration)) : Json();
}

Error wrong_member(std::string_view at, std::string_view name, std::string_view what) {
  return make_error(ErrorCode::kInvalid, "{}: {}", json_pointer(at, name), what);
}

Result<std::optional<TargetId>> get_target(const Json& json, std::string_view at) {
  HEAL_TRY(const auto text, get_optional_string(json, "target", at));
  if (!text) return std::optional<TargetId>();
  auto target = TargetId::parse(*text);
  if (!target) return wrong_member(at, "target", target.error().str());
  return std::optional(std::move(*target));
}

Result<std::vector<std::string>> get_strings(const Json& json, std::string_view name, std::string_view at) {
  HEAL_TRY(const Json* array, get_array(json, name, at));
  std::vector<std::string> texts;
  texts.reserve(array->size());
  for (const Json& element : *array) {
    if (!element.is_string()) {
      return wrong_member(json_pointer(at, name), std::to_string(texts.size()),
                          fmt::format("expected a string, got {}", json_type_name(element)));
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

Result<std::uint64_t> get_count(const Json& json, std::string_view name, std::string_view at) {
  HEAL_TRY(const std::int64_t number, get_int(json, name, at));
  if (number < 0) return wrong_member(at, name, "expected a number that is not negative");
  return static_cast<std::uint64_t>(number);
}

}  // namespace

Json to_json(const Incident& incident) {
  Json times = Json::object();
  for (const NamedTime& each : kIncidentTimes)
    times[member_of(each)] = to_json_value(incident.times.*each.time);
  return Json{{"id", incident.id},
              {"target", incident.target ? Json(incident.target->str()) : Json()},
              {"name", incident.name},
              {"type", incident.type},
              {"state", to_string(incident.state)},
              {"reason", incident.reason},
              {"message", incident.message},
              {"playbook", incident.playbook},
              {"plan_hash", incident.plan_hash},
              {"attempt", incident.attempt},
              {"requested_by", incident.requested_by},
              {"drill", incident.drill},
              {"exit_code", incident.exit_code ? Json(*incident.exit_code) : Json()},
              {"failure_reason", incident.failure_reason},
              {"episodes", incident.episode_keys},
              {"times", std::move(times)},
              {"mttd_seconds", seconds_or_null(incident.times.time_to_detect())},
              {"mttr_seconds", seconds_or_null(time_to_recover(incident))}};
}

Result<Incident> incident_from_json(const Json& json, std::string_view at) {
  Incident incident;
  HEAL_TRY(incident.id, get_string(json, "id", at));
  HEAL_TRY(incident.target, get_target(json, at));
  HEAL_TRY(incident.name, get_string(json, "name", at));
  HEAL_TRY(incident.type, get_string(json, "type", at));
  HEAL_TRY(const auto state, get_string(json, "state", at));
  const auto known_state = parse_incident_state(state);
  if (!known_state) return wrong_member(at, "state", fmt::format("unknown state \"{}\"", state));
  incident.state = *known_state;
  HEAL_TRY(incident.reason, get_string(json, "reason", at));
  HEAL_TRY(incident.message, get_string(json, "message", at));
  HEAL_TRY(incident.playbook, get_string(json, "playbook", at));
  HEAL_TRY(incident.plan_hash, get_string(json, "plan_hash", at));
  HEAL_TRY(incident.attempt, get_count(json, "attempt", at));
  HEAL_TRY(incident.requested_by, get_string(json, "requested_by", at));
  HEAL_TRY(incident.exit_code, get_optional_int(json, "exit_code", at));
  HEAL_TRY(auto drill, get_optional_string(json, "drill", at));
  incident.drill = std::move(drill).value_or("");
  HEAL_TRY(auto failure, get_optional_string(json, "failure_reason", at));
  incident.failure_reason = std::move(failure).value_or("");
  HEAL_TRY(incident.episode_keys, get_strings(json, "episodes", at));
  HEAL_TRY(const Json* times, get_object(json, "times", at));
  for (const NamedTime& each : kIncidentTimes) {
    HEAL_TRY(incident.times.*each.time, get_optional_time(*times, member_of(each), json_pointer(at, "times")));
  }
  return incident;
}

Json to_json(const Episode& episode) {
  return Json{{"key", episode.key},
              {"source", episode.source},
              {"name", episode.name},
              {"labels", to_json_value(episode.labels)},
              {"annotations", to_json_value(episode.annotations)},
              {"starts_at", to_json_value(episode.starts_at)},
              {"received_at", to_json_value(episode.received_at)},
              {"resolved_at", to_json_value(episode.resolved_at)},
              {"incident", episode.incident_id},
              {"generator_url", episode.generator_url},
              {"alertmanager_url", episode.alertmanager_url}};
}

Result<Episode> episode_from_json(const Json& json, std::string_view at) {
  Episode episode;
  HEAL_TRY(episode.key, get_string(json, "key", at));
  HEAL_TRY(episode.source, get_string(json, "source", at));
  HEAL_TRY(episode.name, get_string(json, "name", at));
  HEAL_TRY(episode.labels, get_labels(json, "labels", at));
  HEAL_TRY(episode.annotations, get_labels(json, "annotations", at));
  HEAL_TRY(episode.starts_at, get_time(json, "starts_at", at));
  HEAL_TRY(episode.received_at, get_time(json, "received_at", at));
  HEAL_TRY(episode.resolved_at, get_optional_time(json, "resolved_at", at));
  HEAL_TRY(episode.incident_id, get_string(json, "incident", at));
  HEAL_TRY(episode.generator_url, get_string(json, "generator_url", at));
  HEAL_TRY(episode.alertmanager_url, get_string(json, "alertmanager_url", at));
  return episode;
}

Json to_json(const TimelineEntry& entry) {
  auto data = parse_json(entry.data);
  return Json{{"sequence", entry.sequence},
              {"at", to_json_value(entry.at)},
              {"incident", entry.incident_id},
              {"kind", entry.kind},
              {"message", entry.message},
              {"data", data && data->is_object() ? std::move(*data) : Json{{"text", entry.data}}}};
}

Result<TimelineEntry> entry_from_json(const Json& json, std::string_view at) {
  TimelineEntry entry;
  HEAL_TRY(entry.sequence, get_count(json, "sequence", at));
  HEAL_TRY(entry.at, get_time(json, "at", at));
  HEAL_TRY(entry.incident_id, get_string(json, "incident", at));
  HEAL_TRY(entry.kind, get_string(json, "kind", at));
  HEAL_TRY(entry.message, get_string(json, "message", at));
  HEAL_TRY(const Json* data, get_object(json, "data", at));
  entry.data = dump(*data);
  return entry;
}

Json to_json(const FaultLease& lease) {
  return Json{{"id", lease.id},
              {"fault", lease.kind},
              {"target", lease.target.str()},
              {"state", to_string(lease.state)},
              {"injected_at", to_json_value(lease.injected_at)},
              {"deadline", to_json_value(lease.deadline)},
              {"reverted_at", to_json_value(lease.reverted_at)},
              {"owner", lease.owner},
              {"error", lease.last_error},
              {"pages", lease.pages}};
}

Result<FaultLease> lease_from_json(const Json& json, std::string_view at) {
  FaultLease lease;
  HEAL_TRY(lease.id, get_string(json, "id", at));
  HEAL_TRY(lease.kind, get_string(json, "fault", at));
  HEAL_TRY(auto target, get_target(json, at));
  if (!target) return wrong_member(at, "target", "expected a target");
  lease.target = std::move(*target);
  HEAL_TRY(const auto state, get_string(json, "state", at));
  const auto known_state = parse_lease_state(state);
  if (!known_state) return wrong_member(at, "state", fmt::format("unknown state \"{}\"", state));
  lease.state = *known_state;
  HEAL_TRY(lease.injected_at, get_time(json, "injected_at", at));
  HEAL_TRY(lease.deadline, get_time(json, "deadline", at));
  HEAL_TRY(lease.reverted_at, get_optional_time(json, "reverted_at", at));
  HEAL_TRY(lease.owner, get_string(json, "owner", at));
  HEAL_TRY(lease.last_error, get_string(json, "error", at));
  HEAL_TRY(const auto pages, get_optional_bool(json, "pages", at));
  lease.pages = pages.value_or(false);
  return lease;
}

}  // namespace heal
