#include "webhook/query.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/text.h"
#include "webhook/answers.h"

namespace heal::webhook {
namespace {

bool holds(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string known(const QueryNames& names) {
  std::vector<std::string_view> all = names.once;
  all.insert(all.end(), names.many.begin(), names.many.end());
  return all.empty() ? "there are none here" : fmt::format("known here: {}", fmt::join(all, ", "));
}

}  // namespace

Status check_query(const httpd::HttpRequest& request, const QueryNames& names) {
  for (const auto& [name, value] : request.query) {
    if (holds(names.many, name)) continue;
    if (!holds(names.once, name))
      return make_error(ErrorCode::kInvalid, "{}: unknown query parameter; {}", printable(name, 80), known(names));
    if (request.params(name).size() > 1)
      return make_error(ErrorCode::kInvalid, "{}: query parameter given more than once", name);
  }
  return {};
}

httpd::Handler with_query(QueryNames names, httpd::Handler handler) {
  return [names = std::move(names), handler = std::move(handler)](const httpd::HttpRequest& request) {
    const Status checked = check_query(request, names);
    return checked.has_value() ? handler(request) : answer_error(checked.error());
  };
}

httpd::DeferredHandler with_query(QueryNames names, httpd::DeferredHandler handler) {
  return [names = std::move(names), handler = std::move(handler)](const httpd::HttpRequest& request,
                                                                  httpd::Responder responder) {
    const Status checked = check_query(request, names);
    if (!checked.has_value()) return responder.send(answer_error(checked.error()));
    handler(request, std::move(responder));
  };
}

}  // namespace heal::webhook
