#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/model/alert.h"
#include "common/wire/alertmanager.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

constexpr Duration kSendTimeout = 10s;

class AlertSend final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"alert", "send"},
            .summary = "Send an alert, to rehearse what follows from it.",
            .details =
                "It goes to Alertmanager, which groups, silences and routes it as any other; with --webhook it "
                "goes straight to heal-webhook in the form in which Alertmanager would send it. The service's "
                "guards still ask for fresh evidence: an alert that nobody holds heals nothing.",
            .options =
                {{.names = "--label",
                  .value = "NAME=VALUE",
                  .help = "a label; alertname is needed",
                  .occurs = Occurs::kAtLeastOnce,
                  .set = into_pairs(labels_)},
                 {.names = "--annotation",
                  .value = "NAME=VALUE",
                  .help = "an annotation",
                  .occurs = Occurs::kRepeated,
                  .set = into_pairs(annotations_)},
                 {.names = "--for", .value = "DURATION", .help = "how long it fires (default 5m)", .set = into(for_)},
                 {.names = "--resolved", .help = "say that it is over", .set = into(resolved_)},
                 {.names = "--to",
                  .value = "URL",
                  .help = "Alertmanager (default http://localhost:9093)",
                  .set = into(to_)},
                 {.names = "--webhook",
                  .value = "URL",
                  .help = "instead, heal-webhook's intake, http://localhost:9095/webhook",
                  .set = into(webhook_)},
                 {.names = "--dry-run", .help = "show what would be sent", .set = into(dry_run_)}},
            .examples = {"healctl alert send --label alertname=NginxDown --label container=nginx --for 2m",
                         "healctl alert send --label alertname=NginxDown --label container=nginx --resolved"}};
  }

  Exit run(Context& context) override {
    if (const auto wrong = what_is_wrong(); !wrong.empty()) {
      context.complain(wrong);
      return Exit::kUsage;
    }
    const auto now = context.clock().now();
    const auto request = webhook_.empty() ? to_alertmanager(context, now) : to_webhook(context, now);
    if (dry_run_) {
      context.print(request.body + "\n");
      return Exit::kDone;
    }
    const auto deadline = context.clock().deadline_in(context.settings().timeout.value_or(kSendTimeout));
    const auto response = context.ports().http.send(request, deadline, context.stop());
    if (!response) return report_failure(context, response.error());
    if (!response->ok()) {
      const auto reason = printable(trim(response->body), 500);
      context.complain(
          fmt::format("POST {}: answered {}{}{}", request.url, response->status, reason.empty() ? "" : ": ", reason));
      return response->status >= 500 || response->status == 401 ? Exit::kUnreachable : Exit::kFailed;
    }
    // Alertmanager answers with nothing, heal-webhook with what became of the alert.
    const auto body = trim(response->body);
    if (!webhook_.empty() && !body.empty()) context.print(safe_text(body) + "\n");
    context.say(
        fmt::format("{} {} sent to {}", resolved_ ? "resolved" : "firing", format_labels(alert_labels()), request.url));
    return Exit::kDone;
  }

 private:
  Labels alert_labels() const { return {labels_.begin(), labels_.end()}; }

  std::string what_is_wrong() const {
    if (!labels_.contains("alertname")) return "an alert needs --label alertname=NAME";
    for (const auto& [name, value] : labels_) {
      if (!is_label_name(name)) return fmt::format("\"{}\" is no label name", printable(name));
      if (value.empty()) return fmt::format("label \"{}\" is empty, which is the same as not there", name);
    }
    for (const auto& [name, value] : annotations_) {
      if (!is_label_name(name)) return fmt::format("\"{}\" is no annotation name", printable(name));
    }
    if (!to_.empty() && !webhook_.empty()) return "give --to or --webhook, not both";
    if (*for_ == 0s) return "--for must be more than 0s";
    for (const auto& [option, url] : {std::pair("--to", to_), std::pair("--webhook", webhook_)}) {
      const auto problem = url.empty() ? std::nullopt : config::http_url_problem(url);
      if (problem) return fmt::format("option \"{}\": {}", option, *problem);
    }
    return "";
  }

  Alert alert(WallTime now) const {
    Alert alert;
    alert.labels = alert_labels();
    alert.annotations = {annotations_.begin(), annotations_.end()};
    alert.fingerprint = fingerprint_of(alert.labels);
    alert.starts_at = resolved_ ? now - *for_ : now;
    alert.status = resolved_ ? AlertStatus::kResolved : AlertStatus::kFiring;
    return alert;
  }

  HttpClientRequest to_alertmanager(const Context& context, WallTime now) const {
    auto sent = alert(now);
    // What ends in the past is resolved to Alertmanager; what ends later fires until then.
    sent.ends_at = resolved_ ? now : now + *for_;
    HttpClientRequest request;
    request.method = "POST";
    auto base = to_.empty() ? context.settings().alertmanager : to_;
    while (base.ends_with('/'))
      base.pop_back();
    request.url = base + "/api/v2/alerts";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = write_alertmanager_alerts({sent});
    request.ca_file = context.settings().ca_file;
    return request;
  }

  HttpClientRequest to_webhook(const Context& context, WallTime now) const {
    AlertGroup group;
    group.receiver = "healctl";
    group.alerts = {alert(now)};
    if (resolved_) group.alerts.front().ends_at = now;
    group.common_labels = group.alerts.front().labels;
    group.common_annotations = group.alerts.front().annotations;
    group.group_labels = {{"alertname", labels_.at("alertname")}};
    group.group_key = fmt::format("{{}}:{}", format_labels(group.group_labels));
    HttpClientRequest request;
    request.method = "POST";
    request.url = webhook_;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = write_alertmanager_v4(group);
    const auto& settings = context.settings();
    // The credentials are for the service: they go nowhere else.
    if (settings.username && webhook_.starts_with(settings.server + "/")) {
      request.basic_auth.emplace(*settings.username, settings.password);
    }
    request.ca_file = settings.ca_file;
    return request;
  }

  static Exit report_failure(Context& context, const Error& error) {
    if (error.code() == ErrorCode::kCancelled) return Exit::kInterrupted;
    context.complain(error.str());
    return error.code() == ErrorCode::kTimeout ? Exit::kUnknown : Exit::kUnreachable;
  }

  std::map<std::string, std::string> labels_, annotations_;
  std::optional<Duration> for_ = 5min;
  bool resolved_ = false, dry_run_ = false;
  std::string to_, webhook_;
};

}  // namespace

std::unique_ptr<Command> make_alert_send() {
  return std::make_unique<AlertSend>();
}

}  // namespace heal::ctl
