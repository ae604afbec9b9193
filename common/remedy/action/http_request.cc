#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostOutput = 4096;

/// The files are read each time, so that a new secret needs no reload; paths are relative to heal.yml's folder.
Status add_headers_from_files(const playbook::Arguments& arguments, const std::string& folder,
                              HttpClientRequest& request) {
  if (!arguments.has("headers_files")) return {};
  for (const auto& [name, file] : arguments.text_map("headers_files")) {
    HEAL_TRY(auto value, config::load_secret({"", file}, folder).with_context("header {}", name));
    const bool is_one_line = std::none_of(value.begin(), value.end(),
                                          [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (!is_one_line) return make_error(ErrorCode::kInvalid, "header {}: {} is not one line of text", name, file);
    request.headers.emplace_back(name, std::move(value));
  }
  return {};
}

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
  HttpClientRequest request = request_of(arguments);
  const Status read = add_headers_from_files(arguments, config::folder_of(scope.world.bundle.config.file), request);
  if (!read.has_value()) return ActionResult::failed(std::string(to_string(read.error().code())), read.error().str());
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
