#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostOutput = 4096;

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

ActionResult run(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  const playbook::Arguments& arguments = scope.step.arguments;
  const HttpClientRequest request = request_of(arguments);
  const std::string what = fmt::format("{} {}", request.method, request.url);
  auto response = scope.tools.http.send(request, deadline, std::move(stop));
  if (!response.has_value()) return ActionResult::of_error(std::move(response).error());
  ActionResult result;
  const bool is_good = is_good_status(arguments, *response);
  result.kind = is_good ? ActionResult::Kind::kDone : ActionResult::Kind::kFailed;
  result.reason = is_good ? "done" : "unexpected_status";
  result.message = fmt::format("{}: status {}", what, response->status);
  result.outputs = {{"status", fmt::format("{}", response->status)},
                    {"body", to_valid_utf8(response->body.substr(0, kMostOutput))}};
  return result;
}

}  // namespace

const ActionKind kHttpRequest{"http.request", nullptr, run, nullptr};

}  // namespace heal::remedy
