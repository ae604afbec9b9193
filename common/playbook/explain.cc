#include <fmt/format.h>

#include "common/base/redact.h"
#include "common/base/text.h"
#include "common/playbook/canonical.h"
#include "common/playbook/plan.h"

namespace heal::playbook {
namespace {

std::string show(const std::string& text) {
  const bool is_plain = !text.empty() && text.find_first_of(" \"\n\t") == std::string::npos;
  return is_plain ? text : fmt::format("\"{}\"", printable(text, 200));
}

std::string show(const ArgumentValue& value) {
  struct Show {
    std::string operator()(const std::string& v) const { return show(v); }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(Duration v) const { return format_duration(v); }
    std::string operator()(const std::vector<std::int64_t>& v) const { return fmt::format("[{}]", fmt::join(v, ", ")); }
    std::string operator()(const std::vector<std::string>& v) const {
      std::string out;
      for (const auto& element : v)
        out += (out.empty() ? "" : " ") + show(element);
      return "[" + out + "]";
    }
    std::string operator()(const std::map<std::string, std::string>& v) const {
      std::string out;
      for (const auto& [name, text] : v)
        out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", name,
                           is_secret_name(name) ? std::string(kRedacted) : show(text));
      return "{" + out + "}";
    }
  };
  return std::visit(Show(), value);
}

std::string show(const std::string& name, const ArgumentValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? show(shown_text(name, *text)) : show(value);
}

std::string show(const GuardSettings& guards, const std::string& group) {
  const auto on_error = [](OnError choice) {
    return choice == OnError::kAllow ? " (goes on when it cannot tell)" : "";
  };
  std::string out = "guards: fresh_evidence ";
  const auto& evidence = guards.fresh_evidence;
  out += evidence.state == GuardSwitch::kOff ? "off" : fmt::format("on{}", on_error(evidence.on_error));
  const auto& cooldown = guards.cooldown;
  out += cooldown.state == GuardSwitch::kOff
             ? ", cooldown off"
             : fmt::format(", cooldown {}{}", format_duration(cooldown.period), on_error(cooldown.on_error));
  const auto& budget = guards.budget;
  out += budget.state == GuardSwitch::kOff ? ", budget off"
                                           : fmt::format(", at most {} heals in {}{}", budget.attempts,
                                                         format_duration(budget.window), on_error(budget.on_error));
  const auto& in_flight = guards.in_flight;
  if (in_flight.state == GuardSwitch::kOn)
    out += fmt::format(", at most {} of the group and {} in all at a time", in_flight.per_group, in_flight.total);
  const auto& flap = guards.flap;
  if (flap.state == GuardSwitch::kOn)
    out += fmt::format(", not when healed {} times in {}", flap.heals, format_duration(flap.window));
  const auto& population = guards.population;
  if (population.state == GuardSwitch::kOn && !group.empty()) {
    out += fmt::format(", only while at most {} % of group {} (at least {}) are unhealthy{}", population.percent, group,
                       population.at_least, on_error(population.on_error));
  }
  return out + "\n";
}

std::string show_conditions(const char* word, const std::vector<Condition>& conditions) {
  std::string out;
  for (const auto& condition : conditions)
    out += fmt::format("     {} {}\n", out.empty() ? word : "and", condition.str());
  return out;
}

std::string show_doing(const PlannedStep& step) {
  auto out = step.restores ? step.kind + " as it was" : step.kind;
  if (step.target) out += " " + step.target->str();
  if (step.wait_for) out += " " + step.wait_for->str();
  for (const auto& [name, value] : step.arguments.all())
    out += fmt::format(" {}={}", name, show(name, value));
  out += fmt::format(" (timeout {}", format_duration(step.timeout));
  if (step.retry.attempts > 1)
    out += fmt::format(", {} attempts, backoff {}", step.retry.attempts, format_duration(step.retry.backoff));
  if (step.effect == Effect::kChanges) out += fmt::format(", after a crash: {}", to_string(step.on_unknown));
  return out + ")\n";
}

std::string show(const PlannedStep& step, std::size_t number) {
  auto out = fmt::format("  {}. {}: {}", number, step.name, show_doing(step));
  out += show_conditions("when", step.when) + show_conditions("that", step.that);
  for (const auto& undo : step.undo)
    out += "     undo " + show_doing(undo);
  return out;
}

std::string show_aftermath(const Plan& plan) {
  std::string out;
  if (plan.on_failure == OnFailure::kKeep) out += "when it fails, nothing is undone\n";
  if (!plan.escalate.empty()) out += fmt::format("when it fails, go on with: {}\n", fmt::join(plan.escalate, ", "));
  if (!plan.on_resolved) return out;
  out += fmt::format("once every alert has resolved and, within {}, {} of these is true:\n",
                     format_duration(plan.on_resolved->checks.within),
                     plan.on_resolved->checks.mode == Verification::Mode::kAll ? "all" : "any");
  for (const auto& check : plan.on_resolved->checks.checks)
    out += fmt::format("  - {}\n", check.str());
  for (std::size_t i = 0; i < plan.on_resolved->steps.size(); ++i)
    out += show(plan.on_resolved->steps[i], i + 1);
  return out;
}

std::string show(const Verification& verify) {
  auto out = fmt::format("verify within {}, {} in a row, every {}, {} of:\n", format_duration(verify.within),
                         verify.consecutive, format_duration(verify.interval),
                         verify.mode == Verification::Mode::kAll ? "all" : "any");
  for (const auto& check : verify.checks)
    out += fmt::format("  - {}\n", check.str());
  return out;
}

}  // namespace

std::string explain(const Plan& plan) {
  auto out = fmt::format("playbook {} ({}) on {}\nplan {}\n", plan.playbook, to_string(plan.mode), plan.target.str(),
                         plan.hash);
  for (const auto& [name, value] : plan.params)
    out += fmt::format("param {} = {}\n", name, show(value));
  out += show(plan.guards, plan.population_group);
  if (!plan.before.empty()) out += "before, all must be true:\n";
  for (const auto& check : plan.before)
    out += fmt::format("  - {}\n", check.str());
  out += "steps:\n";
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    out += show(plan.steps[i], i + 1);
  out += plan.verify ? show(*plan.verify) : "no verification: it cannot be proved that this helps\n";
  out += fmt::format("then it must stay healthy for {}\n", format_duration(plan.stay_healthy));
  return out + show_aftermath(plan);
}

}  // namespace heal::playbook
