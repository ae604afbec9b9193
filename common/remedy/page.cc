#include "common/remedy/page.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/playbook/heal_config.h"
#include "common/remedy/action/docker.h"
#include "common/remedy/action/mail_text.h"
#include "common/remedy/check.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

constexpr Duration kLookTimeout = 5s;
constexpr Duration kMailTimeout = 30s;
constexpr int kLogLines = 100;
constexpr std::size_t kLogBytes = 16 << 10;
constexpr std::string_view kOwnName = "HealFailed";
constexpr std::string_view kOwnMark = "heal_incident";

std::string headline(const Incident& incident) {
  return fmt::format("{}{} on {} could not be healed", incident.drill.empty() ? "" : "drill: ", incident.name,
                     incident.target ? incident.target->str() : "nothing");
}

/// A label value that any Alertmanager takes.
std::string label_text(std::string_view text) {
  return printable(to_valid_utf8(text), 200);
}

void look_at_container(Json& out, const TargetId& target, ContainerEngine& engine, const Tools& tools,
                       std::stop_token stop) {
  auto info = engine.inspect(target.name, tools.clock.deadline_in(kLookTimeout), stop);
  if (info.has_value()) {
    out["inspect"] = docker_outputs(*info);
  } else {
    out["inspect_error"] = printable(info.error().str(), 400);
  }
  auto logs = engine.logs_tail(target.name, kLogLines, kLogBytes, tools.clock.deadline_in(kLookTimeout), stop);
  if (logs.has_value()) {
    out["logs"] = to_valid_utf8(std::string_view(*logs).substr(0, kLogBytes));
  } else {
    out["logs_error"] = printable(logs.error().str(), 400);
  }
}

}  // namespace

Alert page_alert(const Incident& incident, WallTime starts_at, WallTime ends_at) {
  Alert alert;
  alert.labels = {{"alertname", std::string(kOwnName)},
                  {"severity", "critical"},
                  {std::string(kOwnMark), incident.id},
                  {"heal_playbook", label_text(incident.playbook)},
                  {"heal_target", incident.target ? label_text(incident.target->str()) : "none"}};
  if (!incident.drill.empty()) alert.labels.insert_or_assign("heal_drill", incident.drill);
  alert.annotations = {{"summary", label_text(headline(incident))},
                       {"description", printable(to_valid_utf8(incident.message), 1000)},
                       {"reason", label_text(incident.reason)},
                       {"incident", fmt::format("healctl incidents show {}", incident.id)}};
  alert.starts_at = starts_at;
  alert.ends_at = ends_at;
  return alert;
}

std::optional<WallTime> quiet_until(const Incident& incident, Store& store, WallTime now) {
  if (incident.drill.empty()) return std::nullopt;
  const auto leases = store.leases();
  if (!leases.has_value()) return std::nullopt;
  const auto found =
      std::find_if(leases->begin(), leases->end(), [&](const FaultLease& lease) { return lease.id == incident.drill; });
  if (found == leases->end() || found->pages) return std::nullopt;
  const WallTime until = found->reverted_at.value_or(found->deadline) + kDrillRest;
  return now < until ? std::optional(until) : std::nullopt;
}

bool is_own_alert(const Alert& alert) {
  return label_value(alert.labels, "alertname").starts_with("Heal") && !label_value(alert.labels, kOwnMark).empty();
}

Status tell_alertmanagers(const World& world, const Alert& alert, const Tools& tools, std::stop_token stop) {
  Status out = make_error(ErrorCode::kNotFound, "no Alertmanager is configured");
  bool is_told = false;
  for (const auto& alertmanager : world.alertmanagers) {
    Status status = alertmanager->post({alert}, tools.clock.deadline_in(kLookTimeout), stop);
    is_told |= status.has_value();
    if (!status.has_value()) out = std::move(status);
  }
  return is_told ? Status() : out;
}

Status mail_page(const World& world, const Incident& incident, const Tools& tools, std::stop_token stop) {
  const auto& config = world.bundle.config;
  const auto& settings = config.notify.email;
  if (!settings) return make_error(ErrorCode::kNotFound, "heal.yml says nothing under notify.email");
  if (tools.mailer == nullptr) return make_error(ErrorCode::kUnreachable, "mail cannot be sent from here");
  HEAL_TRY(const MailServer server, mail_server(*settings, config::folder_of(config.file)));
  const std::string target = incident.target ? incident.target->str() : "nothing";
  MailText text;
  text.from = settings->from;
  text.to = settings->to;
  text.subject = label_text("HealFailed: " + headline(incident));
  text.body = fmt::format(
      "{} on {} could not be healed, and no Alertmanager could be told.\n\n{}: {}\n\nPlaybook: {}\n"
      "healctl incidents show {}\n",
      printable(to_valid_utf8(incident.name)), target, label_text(incident.reason),
      printable(to_valid_utf8(incident.message), 1000), label_text(incident.playbook), incident.id);
  text.id = incident.id + "/page";
  text.sent_at = tools.clock.now();
  return tools.mailer->send(server, {text.from, text.to, write_mail(text)}, tools.clock.deadline_in(kMailTimeout),
                            std::move(stop));
}

PageResult call_human(const World& world, const Incident& incident, const Alert& alert, PageMail mail,
                      const Tools& tools, const std::stop_token& stop) {
  PageResult result{tell_alertmanagers(world, alert, tools, stop), std::nullopt};
  const bool is_mail_wanted = mail == PageMail::kWhenUntold && world.bundle.config.notify.email.has_value();
  if (!result.told.has_value() && is_mail_wanted && !stop.stop_requested())
    result.mailed = mail_page(world, incident, tools, stop);
  return result;
}

std::string gather_evidence(const Case& subject, const World& world, const Tools& tools, std::stop_token stop) {
  Json out{{"gathered_at", format_rfc3339_nano(tools.clock.now())}};
  if (!subject.incident.target) return dump(out);
  const TargetId& target = *subject.incident.target;
  Labels labels;
  if (ContainerEngine* engine = target.kind == "container" ? world.engine(target.engine) : nullptr) {
    look_at_container(out, target, *engine, tools, stop);
    if (auto info = engine->inspect(target.name, tools.clock.deadline_in(kLookTimeout), stop); info.has_value())
      labels = info->labels;
  }
  const auto& config = world.bundle.config;
  auto entry = target.kind == "container" ? playbook::inventory_of_container(config, target, labels)
                                          : playbook::inventory_of(config, target);
  if (entry.has_value() && entry->health) {
    const auto health = ask_health(*entry->health, tools, tools.clock.deadline_in(kLookTimeout), stop);
    out["health"] = {{"answer", to_string(health.answer)}, {"message", printable(health.message, 500)}};
  }
  return dump(out);
}

}  // namespace heal::remedy
