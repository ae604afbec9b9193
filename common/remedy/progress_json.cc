#include "common/remedy/progress_json.h"

#include "common/wire/json.h"

namespace heal::remedy {

std::string to_json_text(const Progress& progress) {
  return dump({{"params", to_json_value(progress.params)},
               {"container_id", progress.container_id},
               {"wake_at", to_json_value(progress.wake_at)},
               {"held_since", to_json_value(progress.held_since)},
               {"settle_at", to_json_value(progress.settle_at)},
               {"stepped_at", to_json_value(progress.stepped_at)},
               {"locks", progress.locks}});
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
  HEAL_TRY(const Json* locks, get_array(json, "locks"));
  for (const Json& lock : *locks) {
    if (!lock.is_string()) return make_error(ErrorCode::kInvalid, "/locks: expected texts");
    progress.locks.push_back(lock.get<std::string>());
  }
  return progress;
}

}  // namespace heal::remedy
