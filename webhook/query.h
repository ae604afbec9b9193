#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/httpd/server.h"

namespace heal::webhook {

/// The query parameters that a route has.
struct QueryNames {
  std::vector<std::string_view> once;
  std::vector<std::string_view> many{};  ///< may be repeated
};

/// kInvalid, with the parameter's name and those that the route has, for a parameter that it does not have or that
/// comes twice: what is ignored would be answered as if nobody had asked for it.
Status check_query(const httpd::HttpRequest& request, const QueryNames& names);

/// `handler`, behind that check.
httpd::Handler with_query(QueryNames names, httpd::Handler handler);
httpd::DeferredHandler with_query(QueryNames names, httpd::DeferredHandler handler);

}  // namespace heal::webhook
