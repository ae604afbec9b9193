#include "webhook/actuator/answers.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "common/wire/docker.h"
#include "common/wire/json.h"

namespace heal::actuator {
namespace {

constexpr std::size_t kMaxEventLine = 1 << 20;
constexpr Duration kEngineStopTime = 10s;

}  // namespace

Result<std::string> filter_list(std::string_view body, const MaySee& may_see) {
  HEAL_TRY(const auto containers, parse_docker_list(body));
  HEAL_TRY(const Json list, parse_json(body));
  if (list.size() != containers.size()) return make_error(ErrorCode::kProtocol, "the engine's list cannot be read");
  Json seen = Json::array();
  for (std::size_t i = 0; i < containers.size(); ++i) {
    if (may_see(containers[i])) seen.push_back(list[i]);
  }
  return dump(seen);
}

Result<std::string> hide_environment(std::string_view body) {
  HEAL_TRY(Json json, parse_json(body));
  const auto config = json.is_object() ? json.find("Config") : json.end();
  if (!json.is_object() || config == json.end() || !config->is_object())
    return make_error(ErrorCode::kProtocol, "the engine's answer has no \"Config\"");
  if (config->contains("Env")) (*config)["Env"] = Json::array();
  return dump(json);
}

Duration stop_time_of(std::string_view inspected, Duration most) {
  const auto json = parse_json(inspected);
  const Json* config = json ? find_member(*json, "Config") : nullptr;
  const Json* seconds = config != nullptr ? find_member(*config, "StopTimeout") : nullptr;
  if (seconds == nullptr || !seconds->is_number_integer()) return std::min(kEngineStopTime, most);
  const auto wanted = seconds->get<std::int64_t>();
  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(most).count();
  return wanted < 0 || wanted > limit ? most : std::chrono::seconds(wanted);
}

bool EventFilter::may_pass(std::string_view line) const {
  const auto event = parse_docker_event(line);
  if (!event || !*event) return false;
  ContainerInfo container;
  container.id = (*event)->id;
  container.name = (*event)->name;
  container.image = (*event)->image;
  container.labels = (*event)->attributes;
  return may_see_(container);
}

std::string EventFilter::feed(std::string_view chunk) {
  std::string passed;
  for (auto end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n')) {
    rest_ += chunk.substr(0, end);
    const std::string line = std::exchange(rest_, "");
    if (may_pass(line)) passed += line + "\n";
    chunk.remove_prefix(end + 1);
  }
  rest_ += chunk;
  if (rest_.size() > kMaxEventLine) rest_.clear();
  return passed;
}

}  // namespace heal::actuator
