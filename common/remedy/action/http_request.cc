#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/config/file.h"
#include "common/remedy/action/action.h"
#include "common/remedy/action/secret_headers.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostShownBody = 4096;

HttpClientRequest request_of(const playbook::Arguments& arguments) {
  HttpClientRequest request;
  request.method = arguments.text("method");
  request.url = arguments.text("url");
  if (arguments.has("headers")) {
    for (const auto& [name, value] : arguments.text_map("headers"))
      request.headers.emplace_back(name, value);
  }
  if (arguments.has("body")) request.body = arguments.text("body");
  request.max_response_bytes = 1 << 20;
  request.too_long = HttpClientRequest::TooLong::kCut;
  return request;
}

bool is_good_status(const playbook::Arguments& arguments, const HttpClientResponse& response) {
  if (!arguments.has("status") || arguments.integers("status").empty()) return response.ok();
  const auto& good = arguments.integers("status");
  return std::find(good.begin(), good.end(), response.status) != good.end();
}

/// A gateway's word that it got no good answer says nothing of what the service behind it has done. What may be sent
/// twice without harm (RFC 9110, 9.2.2) is left to `retry`.
bool is_open(const HttpClientRequest& request, int status) {
  return (request.method == "POST" || request.method == "PATCH") && (status == 502 || status == 503 || status == 504);
}

ActionResult send_request(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  const playbook::Arguments& arguments = scope.step.arguments;
  HttpClientRequest request = request_of(arguments);
  const auto files =
      arguments.has("headers_files") ? arguments.text_map("headers_files") : std::map<std::string, std::string>();
  const Status read = add_headers_from_files(files, config::folder_of(scope.world.bundle.config.file), request);
  if (!read.has_value()) return ActionResult::failed(std::string(to_string(read.error().code())), read.error().str());
  const std::string what = fmt::format("{} {}", request.method, public_url(request.url));
  auto response = scope.tools.http.send(request, deadline, std::move(stop));
  if (!response.has_value()) return ActionResult::of_error(std::move(response).error());
  ActionResult result;
  const bool is_good = is_good_status(arguments, *response);
  result.kind = is_good ? ActionResult::Kind::kDone : ActionResult::Kind::kFailed;
  if (!is_good && is_open(request, response->status)) result.kind = ActionResult::Kind::kUnknown;
  result.reason = is_good ? "done" : "unexpected_status";
  result.message = fmt::format("{}: status {}", what, response->status);
  result.outputs = {{"status", fmt::format("{}", response->status)},
                    {"body", to_valid_utf8(response->body.substr(0, kMostShownBody))}};
  return result;
}

}  // namespace

const ActionKind kHttpRequest{"http.request", nullptr, send_request, nullptr};

}  // namespace heal::remedy
