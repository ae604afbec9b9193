#include "common/playbook/canonical.h"

#include <map>
#include <vector>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/redact.h"
#include "common/base/url.h"
#include "common/playbook/quotes.h"

namespace heal::playbook {
namespace {

/// Name → JSON text; std::map keeps the names sorted.
using Members = std::map<std::string, std::string>;

std::string json(const std::string& text) {
  return in_quotes(text);
}
std::string json(std::string_view text) {
  return in_quotes(text);
}
std::string json(std::int64_t number) {
  return std::to_string(number);
}
std::string json(double number) {
  return fmt::format("{}", number);
}
std::string json(bool flag) {
  return flag ? "true" : "false";
}
std::string json(Duration duration) {
  return json(format_duration(duration));
}

std::string object(const Members& members) {
  std::string out;
  for (const auto& [name, value] : members)
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", json(name), value);
  return "{" + out + "}";
}

// Named before the template that uses them: they are in no namespace that argument-dependent lookup searches.
std::string json(const Condition& condition);
std::string json(const Check& check);
std::string json(const PlannedStep& step);

template <typename T>
std::string list(const std::vector<T>& items) {
  std::string out;
  for (const auto& item : items)
    out += (out.empty() ? "" : ",") + json(item);
  return "[" + out + "]";
}

std::string json(const std::vector<std::string>& texts) {
  return list(texts);
}
std::string json(const std::vector<std::int64_t>& numbers) {
  return list(numbers);
}
/// Headers and environment variables: the plan is stored and shown, so their secrets stay out of it.
std::string json(const std::map<std::string, std::string>& map) {
  Members members;
  for (const auto& [name, value] : map)
    members[name] = is_secret_name(name) ? json(kRedacted) : json(value);
  return object(members);
}

/// What is left out is still part of what the hash covers.
std::string json_covered(const std::string& text, const std::string& shown) {
  return shown == text ? json(text) : json(fmt::format("{} sha256:{}", shown, sha256_hex(text)));
}

std::string json_of_text(const std::string& name, const std::string& text) {
  return json_covered(text, shown_text(name, text));
}

std::string json(const Condition& condition) {
  const auto op = std::string(to_string(condition.op));
  return object({{"value", json(condition.value)},
                 {op, condition.op == Condition::Op::kIn ? json(condition.operands) : json(condition.operands[0])}});
}

std::string json(const Check& check) {
  Members out{{"check", json(to_string(check.kind))}};
  if (check.wanted == Check::Wanted::kFailing) out["is"] = json(std::string_view("failing"));
  if (!check.address.empty()) {
    const bool is_url = check.kind == Check::Kind::kHttp;
    out["address"] = is_url ? json_of_text("url", check.address) : json(check.address);
  }
  if (!check.status.empty()) out["status"] = json(check.status);
  if (check.body) out["body"] = json(check.body->pattern());
  if (check.kind == Check::Kind::kDns) out["type"] = json(check.record_type);
  if (!check.server.empty()) out["server"] = json(check.server);
  if (check.answer) out["answer"] = json(check.answer->pattern());
  if (check.kind == Check::Kind::kPromql) {
    out["comparison"] = json(to_string(check.comparison));
    out["bound"] = json(check.bound);
  }
  if (!check.state.empty()) out["state"] = json(check.state);
  if (check.target) out["target"] = json(check.target->str());
  if (check.health) out["health"] = json_covered(check.health->str(), check.health->shown());
  return object(out);
}

std::string json(const Arguments& arguments) {
  Members out;
  for (const auto& [name, value] : arguments.all()) {
    const auto* text = std::get_if<std::string>(&value);
    out[name] = text != nullptr ? json_of_text(name, *text) : std::visit([](const auto& v) { return json(v); }, value);
  }
  return object(out);
}

std::string json(const PlannedStep& step) {
  Members out{
      {"name", json(step.name)},
      {"kind", json(step.kind)},
      {"arguments", json(step.arguments)},
      {"timeout", json(step.timeout)},
      {"retry", object({{"attempts", json(std::int64_t{step.retry.attempts})}, {"backoff", json(step.retry.backoff)}})},
      {"on_unknown", json(to_string(step.on_unknown))}};
  if (step.target) out["target"] = json(step.target->str());
  if (!step.when.empty()) out["when"] = list(step.when);
  if (!step.that.empty()) out["that"] = list(step.that);
  if (step.wait_for) out["wait_for"] = json(*step.wait_for);
  if (!step.undo.empty()) out["undo"] = json(step.undo.front());
  if (step.restores) out["restores"] = json(true);
  return object(out);
}

std::string json(const Verification& verify) {
  return object({{"within", json(verify.within)},
                 {"consecutive", json(std::int64_t{verify.consecutive})},
                 {"interval", json(verify.interval)},
                 {"timeout", json(verify.timeout)},
                 {verify.mode == Verification::Mode::kAll ? "all" : "any", list(verify.checks)}});
}

}  // namespace

std::string shown_text(const std::string& name, const std::string& text) {
  if (name == "url") {
    const bool is_cut = text.find_first_of("?#") != std::string::npos;
    return is_cut ? fmt::format("{}?{}", public_url(text), kRedacted) : public_url(text);
  }
  return name == "body" ? redact_line(text) : text;
}

std::string canonical_json(const Plan& plan) {
  Members params;
  for (const auto& [name, value] : plan.params)
    params[name] = json(value);
  Members out{{"playbook", json(plan.playbook)}, {"target", json(plan.target.str())},
              {"params", object(params)},        {"before", list(plan.before)},
              {"steps", list(plan.steps)},       {"stay_healthy", json(plan.stay_healthy)}};
  if (plan.verify) out["verify"] = json(*plan.verify);
  if (plan.on_failure != OnFailure::kUndo) out["on_failure"] = json(to_string(plan.on_failure));
  if (!plan.escalate.empty()) out["escalate"] = json(plan.escalate);
  if (plan.on_resolved) {
    out["on_resolved"] = object({{"checks", json(plan.on_resolved->checks)}, {"steps", list(plan.on_resolved->steps)}});
  }
  return object(out);
}

}  // namespace heal::playbook
