#include "common/playbook/match.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::playbook {
namespace {

std::string explain_windows(const Route& route, WallTime now, RouteDecision::Verdict& verdict) {
  if (route.windows.empty()) return "";
  std::vector<std::string> closed;
  for (const auto& window : route.windows) {
    if (window.contains(now)) return fmt::format(", in its window {}", window.str());
    closed.push_back(window.str());
  }
  verdict = RouteDecision::Verdict::kNoMatch;
  return fmt::format(", but {} not open at {}",
                     closed.size() == 1 ? fmt::format("its window {} is", closed.front())
                                        : fmt::format("its windows {} are", fmt::join(closed, "; ")),
                     format_rfc3339(now));
}

std::string explain_match(const Route& route, const Labels& labels, RouteDecision::Verdict& verdict) {
  verdict = RouteDecision::Verdict::kTaken;
  if (route.match.empty()) return "matches every alert";
  std::vector<std::string> held;
  for (const auto& matcher : route.match) {
    if (matcher.matches(labels)) {
      held.push_back(matcher.str());
      continue;
    }
    verdict = RouteDecision::Verdict::kNoMatch;
    const auto found = labels.find(matcher.name());
    if (found == labels.end()) return fmt::format("{} does not match (the alert has no such label)", matcher.str());
    return fmt::format("{} does not match ({} is \"{}\")", matcher.str(), matcher.name(), printable(found->second, 80));
  }
  return fmt::format("{} match{}", fmt::join(held, ", "), held.size() == 1 ? "es" : "");
}

Result<TargetId> expand_target(const Route& route, const Scope& scope) {
  HEAL_TRY(const auto text, route.target.expand(scope).with_context("target of the route at {}", route.span.str()));
  return TargetId::parse(text).with_context("target of the route at {}", route.span.str());
}

}  // namespace

std::vector<RouteDecision> match(const std::vector<Route>& routes, const Labels& labels, WallTime now) {
  std::vector<RouteDecision> out;
  bool is_decided = false;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    RouteDecision decision;
    decision.route = i;
    if (is_decided) {
      decision.verdict = RouteDecision::Verdict::kNotAsked;
      decision.explanation = fmt::format("{}: not asked: a route before it decided", route.span.str());
    } else {
      auto why = explain_match(route, labels, decision.verdict);
      if (decision.verdict == RouteDecision::Verdict::kTaken) why += explain_windows(route, now, decision.verdict);
      decision.explanation = fmt::format("{}: {}", route.span.str(), why);
      const bool is_taken = decision.verdict == RouteDecision::Verdict::kTaken;
      if (is_taken) decision.explanation += fmt::format(": playbook {}", route.playbook);
      is_decided = is_taken && route.next == Route::Next::kStop;
    }
    out.push_back(std::move(decision));
  }
  return out;
}

Result<RoutedHeal> resolve_route(const Route& route, const Labels& labels, const Labels& annotations,
                                 const std::optional<TargetId>& known) {
  Scope scope;
  for (const auto& [name, value] : labels)
    scope["labels." + name] = value;
  for (const auto& [name, value] : annotations)
    scope["annotations." + name] = value;
  RoutedHeal out;
  out.playbook = route.playbook;
  if (route.target.text().empty()) {
    if (!known)
      return make_error(ErrorCode::kNotFound, "the route at {} has no \"target\", and the event does not know its own",
                        route.span.str());
    out.target = *known;
  } else {
    HEAL_TRY(out.target, expand_target(route, scope));
  }
  for (const auto& [name, text] : route.params) {
    HEAL_TRY(out.params[name], text.expand(scope).with_context("param {} of the route at {}", name, route.span.str()));
  }
  return out;
}

}  // namespace heal::playbook
