#include <algorithm>
#include <utility>

#include "common/base/ids.h"
#include "common/fault/lease_keeper.h"
#include "common/model/network_sharing.h"
#include "common/port/fault_holder.h"

// What stands before a lease: whether the fault can be, may be, and what it would take.

namespace heal::fault {
namespace {

using State = FaultLease::State;

}  // namespace

Result<LeaseKeeper::Wish> LeaseKeeper::check_request(const FaultRequest& request) {
  Wish wish;
  wish.fault = find_fault(request.kind);
  if (wish.fault == nullptr) {
    return make_error(ErrorCode::kInvalid, "unknown fault \"{}\", expected one of {}", request.kind,
                      fmt::join(fault_kinds(), ", "));
  }
  HEAL_TRY(wish.params, read_params(request.kind, wish.fault->params(), request.params));
  HEAL_TRY_STATUS(wish.fault->check_params(wish.params));
  MutexLock lock(mutex_);
  wish.ttl = request.ttl.value_or(std::min(options_.default_ttl, max_ttl_));
  if (wish.ttl <= 0s || wish.ttl > max_ttl_) {
    return make_error(ErrorCode::kInvalid, "a fault may last from 1ms to {}, not {}", format_duration(max_ttl_),
                      format_duration(wish.ttl));
  }
  if (request.target.kind != "container") {
    return make_error(ErrorCode::kInvalid, "only containers can be broken, not {}", request.target.str());
  }
  return wish;
}

Result<std::shared_ptr<ContainerEngine>> LeaseKeeper::engine_of(const TargetId& target) const {
  auto engine = tools_.engine(target.engine);
  if (!engine) return make_error(ErrorCode::kNotFound, "no engine \"{}\" is configured", target.engine);
  return engine;
}

Status LeaseKeeper::check_companions(const ContainerInfo& victim, const FaultRequest& request,
                                     const std::stop_token& stop) {
  HEAL_TRY(const auto engine, engine_of(request.target));
  HEAL_TRY(const auto all, engine->list(call_deadline(), stop));
  for (const ContainerInfo& each : others_in_network_of(victim, all)) {
    // A holder is no service that anybody would miss.
    if (has_marks_of_helper(each)) continue;
    HEAL_TRY_STATUS(check_may_break(each, options_.own_container, request.in_production)
                        .with_context("fault {}: {} uses the network of {}", request.kind, each.name, victim.name));
  }
  return {};
}

Result<ContainerInfo> LeaseKeeper::find_victim(const FaultRequest& request, const std::string& lease,
                                               const std::stop_token& stop) {
  HEAL_TRY(const auto engine, engine_of(request.target));
  HEAL_TRY(auto info, engine->inspect(request.target.name, call_deadline(), stop));
  HEAL_TRY_STATUS(check_may_break(info, options_.own_container, request.in_production));
  const Fault& fault = *find_fault(request.kind);
  HEAL_TRY_STATUS(fault.check(info));
  if (fault.breaks_network()) HEAL_TRY_STATUS(check_companions(info, request, stop));
  if (tools_.check_group && request.blast_radius == BlastRadius::kKeepTo)
    HEAL_TRY_STATUS(tools_.check_group(request.target, info, broken_targets(lease, stop), stop));
  return info;
}

std::set<TargetId> LeaseKeeper::broken_targets(const std::string& lease, const std::stop_token& stop) {
  std::vector<Held> others;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, held] : held_) {
      if (id != lease && held.lease.state != State::kReverted) others.push_back(held);
    }
  }
  std::set<TargetId> broken;
  for (const Held& held : others) {
    const bool is_in_work = held.busy || !held.saved || held.lease.state == State::kIntended;
    if (is_in_work || !verify_gone(held, stop)) broken.insert(held.lease.target);
  }
  return broken;
}

Result<LeaseKeeper::Plan> LeaseKeeper::plan(const FaultRequest& request, const Wish& wish, const std::string& lease,
                                            const std::stop_token& stop) {
  Plan plan;
  HEAL_TRY(plan.before, find_victim(request, lease, stop));
  plan.recipe = Recipe::of(plan.before);
  plan.recipe.lease = lease;
  plan.recipe.params = wish.params;
  const auto resolve = [&](const Site& site) { return wish.fault->resolve(plan.before, plan.recipe, site); };
  HEAL_TRY_STATUS(at_site(request.target, 0s, stop, resolve));
  return plan;
}

Status LeaseKeeper::check(const FaultRequest& request, const std::stop_token& stop) {
  HEAL_TRY(const Wish wish, check_request(request));
  end_healed(request.target, stop);
  {
    MutexLock lock(mutex_);
    HEAL_TRY_STATUS(check_free(request.target));
  }
  const std::string id = make_ulid(tools_.clock.now(), tools_.random.next(), tools_.random.next());
  HEAL_TRY([[maybe_unused]] const Plan found, plan(request, wish, id, stop));
  return {};
}

}  // namespace heal::fault
