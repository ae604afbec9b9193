#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/httpd/server.h"

namespace heal::httpd {

/// One pattern and method with what serves it. Immutable once the server has started.
struct Route {
  std::string method;
  std::string pattern;
  RouteOptions options;
  DeferredHandler handler;
};

/// Finds the route of a request. Exact patterns beat prefixes, longer prefixes beat shorter ones; HEAD is served by
/// GET.
class Router {
 public:
  struct Found {
    const Route* route = nullptr;  ///< null: 404, or 405 when `allow` is not empty
    std::string tail;
    std::string allow;  ///< the methods that the path has
  };

  void add(std::unique_ptr<Route> route) { routes_.push_back(std::move(route)); }
  const std::vector<std::unique_ptr<Route>>& all() const { return routes_; }
  Found find(std::string_view method, std::string_view path) const;

 private:
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace heal::httpd
