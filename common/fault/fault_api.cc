#include "common/fault/fault_api.h"

#include <utility>

#include "common/base/text.h"
#include "common/wire/incident_json.h"

namespace heal::fault {
namespace {

Json fault_list_json(const std::vector<FaultLease>& leases) {
  Json list = Json::array();
  for (const auto& lease : leases)
    list.push_back(to_json(lease));
  return {{"faults", std::move(list)}};
}

Result<FaultRequest> parse_fault_request(const Json& body, const FaultApi::Asker& asker) {
  HEAL_TRY_STATUS(check_members(
      body, {"target", "fault", "with", "for", "by", "dry_run", "ignore_blast_radius", "yes_really", "page"}));
  FaultRequest out;
  HEAL_TRY(out.kind, get_string(body, "fault"));
  HEAL_TRY(const std::string target, get_string(body, "target"));
  HEAL_TRY(out.target, TargetId::parse(target).with_context("/target"));
  HEAL_TRY(const Labels params, get_optional_labels(body, "with"));
  out.params = {params.begin(), params.end()};
  HEAL_TRY(const auto ttl, get_optional_string(body, "for"));
  if (ttl) {
    HEAL_TRY(out.ttl, parse_duration(*ttl).with_context("/for"));
  }
  HEAL_TRY(const auto by, get_optional_string(body, "by"));
  out.owner = asker(by.value_or(""));
  HEAL_TRY(const auto ignores, get_optional_bool(body, "ignore_blast_radius"));
  if (ignores.value_or(false)) out.blast_radius = BlastRadius::kIgnore;
  HEAL_TRY(const auto is_meant, get_optional_bool(body, "yes_really"));
  if (is_meant.value_or(false)) out.in_production = InProduction::kReally;
  HEAL_TRY(const auto pages, get_optional_bool(body, "page"));
  out.pages = pages.value_or(false);
  return out;
}

}  // namespace

Json FaultApi::list() const {
  return fault_list_json(leases_.list());
}

Result<FaultApi::Injected> FaultApi::inject(std::string_view body, const Asker& asker) const {
  HEAL_TRY(const Json json, parse_json(body));
  HEAL_TRY(const FaultRequest wanted, parse_fault_request(json, asker));
  HEAL_TRY(const auto dry_run, get_optional_bool(json, "dry_run"));
  if (dry_run.value_or(false)) {
    HEAL_TRY_STATUS(leases_.check(wanted, {}));
    return Injected{200, {{"dry_run", true}, {"allowed", true}}};
  }
  HEAL_TRY(const FaultLease lease, leases_.inject(wanted, {}));
  return Injected{201, {{"fault", to_json(lease)}}};
}

Result<Json> FaultApi::revert(std::string_view body) const {
  HEAL_TRY(const Json json, parse_json(body));
  HEAL_TRY_STATUS(check_members(json, {"target", "id", "all", "by"}));
  if (json.count("target") + json.count("id") + json.count("all") != 1) {
    return make_error(ErrorCode::kInvalid, "expected one of target, id, all");
  }
  HEAL_TRY(const auto all, get_optional_bool(json, "all"));
  if (all.value_or(false)) return fault_list_json(leases_.revert_all({}));
  HEAL_TRY(const auto id, get_optional_string(json, "id"));
  if (id) {
    HEAL_TRY(const FaultLease lease, leases_.revert(*id, {}));
    return fault_list_json({lease});
  }
  HEAL_TRY(const std::string text, get_string(json, "target"));
  HEAL_TRY(const TargetId target, TargetId::parse(text).with_context("/target"));
  HEAL_TRY(const auto lease, leases_.revert_target(target, {}));
  return lease ? fault_list_json({*lease}) : fault_list_json({});
}

Result<Json> FaultApi::revert_one(const std::string& id) const {
  HEAL_TRY(const FaultLease lease, leases_.revert(id, {}));
  return Json{{"fault", to_json(lease)}};
}

}  // namespace heal::fault
