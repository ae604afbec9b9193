#include "common/playbook/plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/redact.h"
#include "common/base/text.h"
#include "common/playbook/canonical.h"
#include "common/playbook/expansion.h"

namespace heal::playbook {
namespace {

Scope make_scope(const PlanInput& input, const Params& params) {
  Scope out;
  const auto add = [&](const char* root, const auto& map) {
    for (const auto& [name, value] : map)
      out[fmt::format("{}.{}", root, name)] = value;
  };
  add("labels", input.labels);
  add("annotations", input.annotations);
  add("params", params);
  add("target.labels", input.target.labels);
  const TargetId& id = input.target.id;
  out["target.id"] = id.str();
  out["target.kind"] = id.kind;
  out["target.name"] = id.name;
  if (!id.engine.empty()) out["target.engine"] = id.engine;
  if (!input.target.group.empty()) out["target.group"] = input.target.group;
  return out;
}

/// Fills in one plan. Holds only references to what the plan is made from.
class Planner {
 public:
  Planner(const HealConfig& config, const PlanInput& input, const Scope& scope)
      : config_(config), input_(input), scope_(scope) {}

  Result<std::vector<Check>> checks(const std::vector<CheckSpec>& specs, const char* where) const {
    std::vector<Check> out;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      HEAL_TRY(auto check, plan_check(specs[i]).with_context("{}, check {}", where, i + 1));
      out.push_back(std::move(check));
    }
    return out;
  }

  Result<PlannedStep> step(const StepSpec& spec) const {
    const StepKind* kind = find_step_kind(spec.kind);
    if (kind == nullptr) return make_error(ErrorCode::kInternal, "unknown step kind {}", spec.kind);
    PlannedStep out;
    out.name = spec.name;
    out.kind = spec.kind;
    out.when = spec.when;
    out.that = spec.that;
    out.timeout = spec.timeout;
    out.retry = spec.retry;
    out.on_unknown = spec.on_unknown;
    out.idempotence = kind->idempotence;
    out.effect = kind->effect;
    if (!kind->target_kinds.empty()) {
      HEAL_TRY(out.target, step_target(spec, *kind));
    }
    for (const auto& argument : kind->arguments)
      HEAL_TRY_STATUS(add_argument(spec, argument, out.arguments).with_context("argument {}", argument.name));
    if (spec.wait_for) {
      HEAL_TRY(out.wait_for, plan_check(*spec.wait_for));
    }
    HEAL_TRY_STATUS(check_rules(*kind, out));
    out.restores = spec.restores;
    for (const auto& undo : spec.undo) {
      HEAL_TRY(auto planned, step(undo).with_context("undo"));
      out.undo.push_back(std::move(planned));
    }
    return out;
  }

  Result<std::vector<PlannedStep>> steps(const std::vector<StepSpec>& specs) const {
    std::vector<PlannedStep> out;
    for (const auto& spec : specs) {
      HEAL_TRY(auto planned, step(spec).with_context("step {}", spec.name));
      out.push_back(std::move(planned));
    }
    return out;
  }

 private:
  /// The target that `text` names, which must be in the inventory.
  Result<InventoryTarget> find_inventory(const Template& text) const {
    if (text.text().empty()) return input_.target;
    HEAL_TRY(const auto expanded, text.expand(scope_).with_context("target"));
    HEAL_TRY(const auto id, TargetId::parse(expanded));
    if (id == input_.target.id) return input_.target;
    const auto other = input_.others.find(id.str());
    if (other != input_.others.end()) return other->second;
    return inventory_of(config_, id);
  }

  Result<TargetId> step_target(const StepSpec& spec, const StepKind& kind) const {
    HEAL_TRY(const auto target, find_inventory(spec.target));
    const auto& kinds = kind.target_kinds;
    if (std::find(kinds.begin(), kinds.end(), target.id.kind) == kinds.end())
      return make_error(ErrorCode::kInvalid, "{} cannot act on {} (it acts on a {})", kind.name, target.id.str(),
                        fmt::join(kinds, " or a "));
    return target.id;
  }

  Status add_argument(const StepSpec& spec, const ArgumentSpec& argument, Arguments& out) const {
    const auto given = spec.arguments.find(argument.name);
    if (given == spec.arguments.end()) {
      if (!argument.default_value) return {};
      HEAL_TRY(auto value, expand_typed(Template::literal(*argument.default_value), argument.type, scope_));
      out.set(argument.name, std::move(value));
      return {};
    }
    HEAL_TRY(auto value, argument_value(given->second, argument));
    out.set(argument.name, std::move(value));
    return {};
  }

  Result<ArgumentValue> argument_value(const ArgumentTemplate& given, const ArgumentSpec& argument) const {
    if (const auto* text = std::get_if<Template>(&given)) {
      if (argument.shape != ArgumentShape::kJsonText) return expand_typed(*text, argument.type, scope_);
      HEAL_TRY(auto json, expand_json(*text, scope_));
      return ArgumentValue(std::move(json));
    }
    if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&given)) return ArgumentValue(*numbers);
    if (const auto* templates = std::get_if<std::vector<Template>>(&given)) {
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < templates->size(); ++i) {
        HEAL_TRY(auto text, expand_argument((*templates)[i], scope_).with_context("element {}", i + 1));
        texts.push_back(std::move(text));
      }
      return ArgumentValue(std::move(texts));
    }
    std::map<std::string, std::string> map;
    for (const auto& [name, text] : std::get<std::vector<std::pair<std::string, Template>>>(given)) {
      HEAL_TRY(const auto plain, text.expand(scope_).with_context("\"{}\"", name));
      auto value = check_value(argument.type, plain);
      if (!value.has_value() && is_secret_name(name))
        return make_error(ErrorCode::kInvalid, "\"{}\": its value (which is a secret) does not fit", name);
      HEAL_TRY(map[name], std::move(value).with_context("\"{}\"", name));
    }
    return ArgumentValue(std::move(map));
  }

  /// What heal.yml allows, and what arguments must be to each other.
  Status check_rules(const StepKind& kind, PlannedStep& step) const {
    if (kind.rule != nullptr) HEAL_TRY_STATUS(kind.rule(config_, step));
    const bool waits_for_grace = step.arguments.has("grace") && step.arguments.duration("grace") >= step.timeout;
    if (waits_for_grace)
      return make_error(ErrorCode::kInvalid, "the timeout {} is not longer than the grace {}",
                        format_duration(step.timeout), format_duration(step.arguments.duration("grace")));
    return {};
  }

  /// host:port, which must be allowed where the event has a say in it.
  Result<std::string> address_of(const Template& text) const {
    HEAL_TRY(const auto expanded, text.expand(scope_));
    TypeSpec type;
    type.type = ValueType::kHostPort;
    HEAL_TRY(auto address, check_value(type, expanded));
    if (is_from_event(text)) HEAL_TRY_STATUS(check_address_allowed(config_.allow, address));
    return address;
  }

  Result<Check> plan_check(const CheckSpec& spec) const {
    Check out = spec.check;
    switch (out.kind) {
      case Check::Kind::kHttp: {
        HEAL_TRY(out.address, expand_url(spec.address, scope_));
        if (is_from_event(spec.address)) HEAL_TRY_STATUS(check_host_allowed(config_.allow, out.address));
        return out;
      }
      case Check::Kind::kTcp: {
        HEAL_TRY(out.address, address_of(spec.address));
        return out;
      }
      case Check::Kind::kDns: {
        HEAL_TRY(out.address, expand_dns_name(spec.address, scope_));
        if (spec.server.text().empty()) return out;
        HEAL_TRY(out.server, address_of(spec.server));
        return out;
      }
      case Check::Kind::kPromql: {
        HEAL_TRY(out.address, expand_query(spec.address, scope_));
        return out;
      }
      case Check::Kind::kHealth:
      case Check::Kind::kContainer:
        return plan_target_check(spec);
      case Check::Kind::kAlert:
        return out;
    }
    return out;
  }

  Result<Check> plan_target_check(const CheckSpec& spec) const {
    Check out = spec.check;
    HEAL_TRY(const auto target, find_inventory(spec.of_target));
    out.target = target.id;
    if (out.kind == Check::Kind::kContainer) {
      if (target.id.kind == "container") return out;
      return make_error(ErrorCode::kInvalid, "{} is not a container", target.id.str());
    }
    if (!target.health)
      return make_error(ErrorCode::kInvalid,
                        "{} has no health check in the inventory (label heal.health, or health in heal.yml)",
                        target.id.str());
    out.health = target.health;
    return out;
  }

  const HealConfig& config_;
  const PlanInput& input_;
  const Scope& scope_;
};

Result<Verification> plan_verification(const Planner& planner, const VerificationSpec& spec) {
  Verification out;
  out.within = spec.within;
  out.consecutive = spec.consecutive;
  out.interval = spec.interval;
  out.timeout = spec.timeout;
  out.mode = spec.mode == VerificationSpec::Mode::kAll ? Verification::Mode::kAll : Verification::Mode::kAny;
  HEAL_TRY(out.checks, planner.checks(spec.checks, "verify"));
  return out;
}

Result<std::string> population_group(const PopulationGuard& guard, const std::string& own, const Scope& scope) {
  if (guard.state == GuardSwitch::kOff || guard.group.text().empty()) return own;
  HEAL_TRY(auto group, guard.group.expand(scope).with_context("guard population: group"));
  if (group.empty()) return make_error(ErrorCode::kInvalid, "guard population: \"group\" comes out empty");
  return group;
}

Result<PlannedResolved> plan_resolved(const Planner& planner, const ResolvedSpec& spec,
                                      const std::optional<Verification>& verify) {
  PlannedResolved out;
  if (verify) out.checks = *verify;
  if (!spec.checks.empty()) {
    out.checks.mode = Verification::Mode::kAll;
    HEAL_TRY(out.checks.checks, planner.checks(spec.checks, "check"));
  }
  out.checks.within = spec.within;
  HEAL_TRY(out.steps, planner.steps(spec.steps));
  return out;
}

Result<Plan> fill_in(const HealConfig& config, const Playbook& playbook, const PlanInput& input) {
  Plan out;
  out.playbook = playbook.name;
  out.mode = playbook.mode;
  out.target = input.target.id;
  out.guards = playbook.guards;
  out.stay_healthy = playbook.stay_healthy;
  out.on_failure = playbook.on_failure;
  out.approval = playbook.approval;
  out.escalate = playbook.escalate;
  HEAL_TRY(out.params, bind_params(playbook.params, input.params));
  out.scope = make_scope(input, out.params);
  out.group = input.target.group;
  HEAL_TRY(out.population_group, population_group(playbook.guards.population, out.group, out.scope));
  const Planner planner(config, input, out.scope);
  HEAL_TRY(out.before, planner.checks(playbook.before, "before"));
  HEAL_TRY(out.steps, planner.steps(playbook.steps));
  if (playbook.verify) {
    HEAL_TRY(out.verify, plan_verification(planner, *playbook.verify));
  }
  if (playbook.on_resolved) {
    HEAL_TRY(out.on_resolved, plan_resolved(planner, *playbook.on_resolved, out.verify).with_context("on_resolved"));
  }
  return out;
}

/// Where a playbook names targets besides the incident's own.
std::vector<const Template*> target_names(const Playbook& playbook) {
  std::vector<const Template*> out;
  const auto add_checks = [&](const std::vector<CheckSpec>& checks) {
    for (const CheckSpec& check : checks)
      out.push_back(&check.of_target);
  };
  add_checks(playbook.before);
  for (const StepSpec& step : playbook.steps)
    out.push_back(&step.target);
  if (playbook.verify) add_checks(playbook.verify->checks);
  std::erase_if(out, [](const Template* name) { return name->text().empty(); });
  return out;
}

}  // namespace

std::vector<TargetId> other_targets(const Playbook& playbook, const PlanInput& input) {
  std::vector<TargetId> out;
  const auto params = bind_params(playbook.params, input.params);
  if (!params.has_value()) return out;
  const Scope scope = make_scope(input, *params);
  for (const Template* name : target_names(playbook)) {
    const auto text = name->expand(scope);
    if (!text.has_value()) continue;
    const auto id = TargetId::parse(*text);
    if (!id.has_value() || *id == input.target.id) continue;
    if (std::find(out.begin(), out.end(), *id) == out.end()) out.push_back(*id);
  }
  return out;
}

Result<Plan> make_plan(const HealConfig& config, const Playbook& playbook, const PlanInput& input) {
  HEAL_TRY(auto plan, fill_in(config, playbook, input).with_context("playbook {}", playbook.name));
  plan.canonical = canonical_json(plan);
  plan.hash = sha256_hex(plan.canonical);
  return plan;
}

}  // namespace heal::playbook
