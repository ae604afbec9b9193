#include "common/fault/fault.h"

#include <memory>

#include "common/fault/kinds.h"
#include "common/wire/json.h"

namespace heal::fault {
namespace {

const std::vector<std::unique_ptr<const Fault>>& all_faults() {
  static const auto kFaults = [] {
    std::vector<std::unique_ptr<const Fault>> faults;
    faults.push_back(make_stop());
    faults.push_back(make_kill());
    faults.push_back(make_crash());
    faults.push_back(make_pause());
    faults.push_back(make_partition());
    return faults;
  }();
  return kFaults;
}

}  // namespace

Recipe Recipe::of(const ContainerInfo& info) {
  return {info.id, info.started_at, info.networks};
}

std::string Recipe::to_text() const {
  return dump(Json{{"container", container}, {"started_at", to_json_value(started_at)}, {"networks", networks}});
}

Result<Recipe> Recipe::parse(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Recipe recipe;
  HEAL_TRY(recipe.container, get_string(json, "container"));
  HEAL_TRY(recipe.started_at, get_optional_time(json, "started_at"));
  HEAL_TRY(const Labels networks, get_labels(json, "networks"));
  recipe.networks = {networks.begin(), networks.end()};
  return recipe;
}

const Fault* find_fault(std::string_view kind) {
  for (const auto& fault : all_faults()) {
    if (fault->kind() == kind) return fault.get();
  }
  return nullptr;
}

const std::vector<std::string>& fault_kinds() {
  static const auto kKinds = [] {
    std::vector<std::string> kinds;
    for (const auto& fault : all_faults())
      kinds.emplace_back(fault->kind());
    return kinds;
  }();
  return kKinds;
}

}  // namespace heal::fault
