#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/remedy/action/action.h"
#include "common/remedy/action/mail_text.h"
#include "common/remedy/action/secret_headers.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostShownAnswer = 4096;

/// Says which notification it is, so that who gets it twice can tell.
std::string id_of(const ActionScope& scope) {
  return fmt::format("{}/{}", scope.incident_id, scope.step_key);
}

std::string folder_of(const ActionScope& scope) {
  return config::folder_of(scope.world.bundle.config.file);
}

ActionResult email(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  const auto& settings = scope.world.bundle.config.notify.email;
  if (!settings) return ActionResult::failed("refused", "heal.yml says nothing under notify.email");
  if (scope.tools.mailer == nullptr) return ActionResult::failed("unreachable", "mail cannot be sent from here");
  auto server = mail_server(*settings, folder_of(scope));
  if (!server.has_value())
    return ActionResult::failed(std::string(to_string(server.error().code())), server.error().str());
  const auto& arguments = scope.step.arguments;
  MailText text;
  text.from = settings->from;
  text.to = arguments.texts("to");
  text.subject = arguments.text("subject");
  text.body = arguments.text("body");
  text.id = id_of(scope);
  text.sent_at = scope.tools.clock.now();
  const Status sent = scope.tools.mailer->send(*server, {text.from, text.to, write_mail(text)}, deadline, stop);
  if (!sent.has_value()) return ActionResult::of_error(sent.error());
  return ActionResult::done(fmt::format("mail to {} was taken by {}", fmt::join(text.to, ", "), server->address));
}

Result<HttpClientRequest> request_of(const ActionScope& scope, const playbook::WebhookSettings& settings) {
  const std::string folder = folder_of(scope);
  HttpClientRequest request;
  request.method = "POST";
  HEAL_TRY(request.url, config::load_secret(settings.url, folder));
  if (const auto problem = config::http_url_problem(request.url))
    return make_error(ErrorCode::kInvalid, "its URL cannot be used: {}", *problem);
  request.body = scope.step.arguments.text("body");
  request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", id_of(scope)}};
  const std::map<std::string, std::string> files(settings.headers_files.begin(), settings.headers_files.end());
  HEAL_TRY_STATUS(add_headers_from_files(files, folder, request));
  if (!settings.ca_file.empty()) request.ca_file = config::resolve_path(settings.ca_file, folder);
  request.max_response_bytes = 1 << 20;
  request.too_long = HttpClientRequest::TooLong::kCut;
  return request;
}

/// Also looks at the body: what is no JSON is not sent.
Result<BeforeState> prepare_webhook(const ActionScope& scope, Deadline, std::stop_token) {
  HEAL_TRY_STATUS(parse_json(scope.step.arguments.text("body")).with_context("argument body"));
  return BeforeState{};
}

ActionResult webhook(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  const std::string& name = scope.step.arguments.text("to");
  const auto& webhooks = scope.world.bundle.config.notify.webhooks;
  const auto settings = webhooks.find(name);
  if (settings == webhooks.end())
    return ActionResult::failed("refused", fmt::format("{} is not under notify.webhooks in heal.yml", name));
  const auto request = request_of(scope, settings->second);
  if (!request.has_value())
    return ActionResult::failed(std::string(to_string(request.error().code())),
                                fmt::format("webhook {}: {}", name, request.error().str()));
  auto response = scope.tools.http.send(*request, deadline, std::move(stop));
  if (!response.has_value()) {
    // The client's own words name the URL, which is often a secret.
    ActionResult result = ActionResult::of_error(response.error());
    result.message = fmt::format("webhook {}: {}", name, result.reason);
    return result;
  }
  ActionResult result;
  result.kind = response->ok() ? ActionResult::Kind::kDone : ActionResult::Kind::kFailed;
  result.reason = response->ok() ? "done" : "unexpected_status";
  result.message = fmt::format("webhook {}: status {}", name, response->status);
  result.outputs = {{"status", fmt::format("{}", response->status)},
                    {"body", to_valid_utf8(response->body.substr(0, kMostShownAnswer))}};
  return result;
}

}  // namespace

const ActionKind kNotifyEmail{"notify.email", nullptr, email, nullptr};
const ActionKind kNotifyWebhook{"notify.webhook", prepare_webhook, webhook, nullptr};

}  // namespace heal::remedy
