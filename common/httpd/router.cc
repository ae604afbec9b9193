#include "common/httpd/router.h"

#include <optional>
#include <set>

namespace heal::httpd {
namespace {

/// What the `*` of `pattern` stands for in `path`: everything at the end of a pattern, one segment within it. nullopt
/// when they do not match; "" for a pattern without one.
std::optional<std::string_view> star_of(std::string_view pattern, std::string_view path) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return path == pattern ? std::optional(std::string_view()) : std::nullopt;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (path.size() < before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after))
    return std::nullopt;
  const std::string_view found = path.substr(before.size(), path.size() - before.size() - after.size());
  const bool is_segment = !found.empty() && found.find('/') == std::string_view::npos;
  return after.empty() || is_segment ? std::optional(found) : std::nullopt;
}

// Exact patterns first, then the longest: the weight of a pattern that matches.
std::size_t weight(std::string_view pattern) {
  return pattern.find('*') != std::string_view::npos ? pattern.size() : pattern.size() + 100'000;
}

bool serves(const Route& route, std::string_view method) {
  return route.method == method || (method == "HEAD" && route.method == "GET");
}

}  // namespace

Router::Found Router::find(std::string_view method, std::string_view path) const {
  std::size_t best = 0;
  for (const auto& route : routes_) {
    if (star_of(route->pattern, path)) best = std::max(best, weight(route->pattern));
  }
  Found found;
  std::set<std::string> methods;
  for (const auto& route : routes_) {
    const auto star = star_of(route->pattern, path);
    if (!star || weight(route->pattern) != best) continue;
    methods.insert(route->method);
    if (route->method == "GET") methods.insert("HEAD");
    const bool is_better = found.route == nullptr || route->method == method;
    if (!serves(*route, method) || !is_better) continue;
    found.route = route.get();
    found.tail = *star;
  }
  for (const auto& name : methods)
    found.allow += (found.allow.empty() ? "" : ", ") + name;
  return found;
}

}  // namespace heal::httpd
