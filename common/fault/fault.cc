#include "common/fault/fault.h"

#include <memory>
#include <utility>

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
    for (auto& fault : make_network_faults())
      faults.push_back(std::move(fault));
    for (auto& fault : make_resource_faults())
      faults.push_back(std::move(fault));
    faults.push_back(make_silence());
    return faults;
  }();
  return kFaults;
}

}  // namespace

const std::vector<ParamSpec>& Fault::params() const {
  static const std::vector<ParamSpec> kNone;
  return kNone;
}

Status Fault::check_params(const Params& /*params*/) const {
  return {};
}

Status Fault::resolve(const ContainerInfo& /*before*/, Recipe& /*recipe*/, const Site& /*site*/) const {
  return {};
}

Recipe Recipe::of(const ContainerInfo& info) {
  return {info.id, info.started_at, info.networks, "", info.name, info.pid, {}};
}

std::string Recipe::to_text() const {
  return dump(Json{{"container", container},
                   {"started_at", to_json_value(started_at)},
                   {"networks", networks},
                   {"lease", lease},
                   {"name", name},
                   {"pid", pid},
                   {"params", params}});
}

Result<Recipe> Recipe::parse(const std::string& text) {
  HEAL_TRY(const Json json, parse_json(text));
  Recipe recipe;
  HEAL_TRY(recipe.container, get_string(json, "container"));
  HEAL_TRY(recipe.started_at, get_optional_time(json, "started_at"));
  HEAL_TRY(const Labels networks, get_labels(json, "networks"));
  recipe.networks = {networks.begin(), networks.end()};
  // Leases from before there were parameters have none of these.
  HEAL_TRY(const auto lease, get_optional_string(json, "lease"));
  recipe.lease = lease.value_or("");
  HEAL_TRY(const auto name, get_optional_string(json, "name"));
  recipe.name = name.value_or("");
  HEAL_TRY(const auto pid, get_optional_int(json, "pid"));
  recipe.pid = pid.value_or(0);
  HEAL_TRY(const Labels params, get_optional_labels(json, "params"));
  recipe.params = {params.begin(), params.end()};
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
