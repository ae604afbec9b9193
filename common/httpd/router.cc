#include "common/httpd/router.h"

#include <set>

namespace heal::httpd {
namespace {

bool is_prefix(std::string_view pattern) {
  return pattern.ends_with('*');
}

bool matches(std::string_view pattern, std::string_view path) {
  return is_prefix(pattern) ? path.starts_with(pattern.substr(0, pattern.size() - 1)) : path == pattern;
}

// Exact patterns first, then the longest prefix: the weight of a pattern that matches.
std::size_t weight(std::string_view pattern) {
  return is_prefix(pattern) ? pattern.size() : pattern.size() + 100'000;
}

bool serves(const Route& route, std::string_view method) {
  return route.method == method || (method == "HEAD" && route.method == "GET");
}

}  // namespace

Router::Found Router::find(std::string_view method, std::string_view path) const {
  std::size_t best = 0;
  for (const auto& route : routes_) {
    if (matches(route->pattern, path)) best = std::max(best, weight(route->pattern));
  }
  Found found;
  std::set<std::string> methods;
  for (const auto& route : routes_) {
    if (best == 0 || !matches(route->pattern, path) || weight(route->pattern) != best) continue;
    methods.insert(route->method);
    if (route->method == "GET") methods.insert("HEAD");
    const bool is_better = found.route == nullptr || route->method == method;
    if (!serves(*route, method) || !is_better) continue;
    found.route = route.get();
    if (is_prefix(route->pattern)) found.tail = path.substr(route->pattern.size() - 1);
  }
  for (const auto& name : methods)
    found.allow += (found.allow.empty() ? "" : ", ") + name;
  return found;
}

}  // namespace heal::httpd
