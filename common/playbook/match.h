#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/model/labels.h"
#include "common/playbook/heal_config.h"
#include "common/playbook/values.h"

namespace heal::playbook {

/// What one route said about one event.
struct RouteDecision {
  std::size_t route = 0;  ///< index in HealConfig::routes
  enum class Verdict {
    kTaken,
    kNoMatch,
    kNotAsked,  ///< a route before it matched and does not continue
  } verdict = Verdict::kNoMatch;
  std::string explanation;  ///< e.g. `heal.yml:12:5: severity="page" does not match (severity is "warn")`

  bool operator==(const RouteDecision&) const = default;
};

/// Asks every route in order; `now` decides about their windows. The chosen ones are those with kTaken.
std::vector<RouteDecision> match(const std::vector<Route>& routes, const Labels& labels, WallTime now);

/// What a route wants to be done.
struct RoutedHeal {
  std::string playbook;
  TargetId target;
  Params params;  ///< as given by the route, not yet checked against the playbook
  bool operator==(const RoutedHeal&) const = default;
};

/// Expands a route's target and params; a route without a target takes `known`, the event's own. kInvalid or kNotFound
/// with the reason when a label is missing, what comes out is no target, or neither knows one.
Result<RoutedHeal> resolve_route(const Route& route, const Labels& labels, const Labels& annotations,
                                 const std::optional<TargetId>& known = {});

}  // namespace heal::playbook
