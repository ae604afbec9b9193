#include "healctl/service/bundle.h"

#include <utility>

namespace heal::ctl {
namespace {

/// A service that never ends its story is not believed.
constexpr int kMostPages = 2000;

Result<Json> fetch_timeline(ServiceClient& service, const std::string& path) {
  Json entries = Json::array();
  std::string cursor;
  for (int page = 0; page < kMostPages; ++page) {
    HEAL_TRY(const Json answer, service.get(path + "/timeline", {{"limit", "500"}, {"cursor", cursor}}));
    const auto list = get_array(answer, "timeline");
    const auto next = get_optional_string(answer, "next_cursor");
    if (!list || !next) return make_error(ErrorCode::kProtocol, "GET {}/timeline: an answer that is none", path);
    for (const Json& entry : **list)
      entries.push_back(entry);
    cursor = next->value_or("");
    if (cursor.empty()) return entries;
  }
  return make_error(ErrorCode::kProtocol, "GET {}/timeline: it has no end", path);
}

/// The `data` of the newest entry of this kind; null when there is none.
Json newest(const Json& timeline, std::string_view kind) {
  for (auto it = timeline.rbegin(); it != timeline.rend(); ++it) {
    const Json* data = find_member(*it, "data");
    if (data != nullptr && get_string(*it, "kind").value_or("") == kind) return *data;
  }
  return {};
}

/// What the playbook's checks before its first step said, as the newest decision has it.
Json checks_before(const Json& decision) {
  const Json* guards = find_member(decision, "guards");
  if (guards == nullptr || !guards->is_array()) return {};
  for (const Json& guard : *guards) {
    const Json* inputs = find_member(guard, "inputs");
    if (inputs != nullptr && get_string(guard, "guard").value_or("") == "before") return *inputs;
  }
  return {};
}

}  // namespace

Result<Json> fetch_bundle(ServiceClient& service, const std::string& id) {
  const std::string path = "/incidents/" + percent_encode(id);
  HEAL_TRY(const Json answer, service.get(path));
  const Json* incident = find_member(answer, "incident");
  const Json* episodes = find_member(answer, "episodes");
  if (incident == nullptr || episodes == nullptr)
    return make_error(ErrorCode::kProtocol, "GET {}: an answer that is none", path);
  HEAL_TRY(Json timeline, fetch_timeline(service, path));
  HEAL_TRY(const Json explained, service.get(path + "/explain"));
  const Json evidence = newest(timeline, "evidence");
  const Json* health = find_member(evidence, "health");
  Json checks{{"before", checks_before(newest(timeline, "decision"))},
              {"after", newest(timeline, "verify")},
              {"when_called", health == nullptr ? Json() : *health}};
  return Json{{"incident", *incident},
              {"episodes", *episodes},
              {"timeline", std::move(timeline)},
              {"explain", get_string(explained, "text").value_or("")},
              {"evidence", evidence},
              {"checks", std::move(checks)}};
}

}  // namespace heal::ctl
