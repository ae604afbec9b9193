#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/action.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr Duration kAlertmanagerLook = 5s;

/// By which a silence is known to be this step's.
std::string token_of(const ActionScope& scope) {
  return fmt::format("[{}/{}]", scope.incident_id, scope.step_key);
}

/// Asks every Alertmanager of heal.yml, one after another: those of a cluster tell each other, others do not.
/// Done when one was told; unknown when none was, but one may have been.
ActionResult tell_all(const ActionScope& scope, const std::function<Status(AlertmanagerApi&)>& tell,
                      const std::string& done) {
  std::size_t told = 0;
  std::optional<ActionResult> worst;
  for (const auto& alertmanager : scope.world.alertmanagers) {
    const Status status = tell(*alertmanager);
    if (status.has_value()) {
      ++told;
      continue;
    }
    ActionResult result = ActionResult::of_error(status.error());
    if (!worst || result.kind == ActionResult::Kind::kUnknown) worst = std::move(result);
  }
  if (!worst && told == 0) return ActionResult::failed("not_found", "no Alertmanager is configured");
  if (told == 0) return *worst;
  std::string message = done;
  if (worst)
    message += fmt::format("; {} of {} Alertmanagers could not be told: {}", scope.world.alertmanagers.size() - told,
                           scope.world.alertmanagers.size(), worst->message);
  return ActionResult::done(std::move(message));
}

/// The silences of this step that have not ended.
Result<std::vector<Silence>> own_silences(AlertmanagerApi& api, const std::string& token, Deadline deadline,
                                          std::stop_token stop) {
  HEAL_TRY(auto all, api.silences(deadline, std::move(stop)));
  std::erase_if(all, [&](const Silence& silence) {
    return silence.created_by != words::kSilenceCreator || silence.comment.find(token) == std::string::npos;
  });
  return all;
}

Result<Silence> silence_of(const ActionScope& scope) {
  const auto& arguments = scope.step.arguments;
  Silence out;
  for (const auto& [name, value] : arguments.text_map("labels")) {
    HEAL_TRY(auto matcher, Matcher::create(name, Matcher::Op::kEqual, value));
    out.matchers.push_back(std::move(matcher));
  }
  out.starts_at = scope.tools.clock.now();
  out.ends_at = out.starts_at + arguments.duration("for");
  out.created_by = words::kSilenceCreator;
  out.comment = fmt::format("{}playbook {} on {} {}", arguments.has("comment") ? arguments.text("comment") + "; " : "",
                            scope.plan.playbook, scope.plan.target.str(), token_of(scope));
  return out;
}

std::string describe(const std::vector<Matcher>& matchers) {
  std::string out;
  for (const Matcher& matcher : matchers)
    out += (out.empty() ? "" : ", ") + matcher.str();
  return printable(out, 200);
}

/// One of this step that is there already is prolonged, so that doing it twice leaves one.
Status put_silence(AlertmanagerApi& api, Silence silence, const std::string& token, std::vector<std::string>& ids,
                   Deadline deadline, const std::stop_token& stop) {
  HEAL_TRY(const auto existing, own_silences(api, token, deadline, stop));
  if (!existing.empty()) {
    silence.id = existing.front().id;
    silence.starts_at = existing.front().starts_at;
  }
  HEAL_TRY(std::string id, api.silence(silence, deadline, stop));
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
  return {};
}

ActionResult silence(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  auto wanted = silence_of(scope);
  if (!wanted.has_value()) return ActionResult::of_error(wanted.error());
  const std::string token = token_of(scope);
  std::vector<std::string> ids;
  ActionResult result = tell_all(
      scope, [&](AlertmanagerApi& api) { return put_silence(api, *wanted, token, ids, deadline, stop); },
      fmt::format("alerts with {} are silent until {}", describe(wanted->matchers), format_rfc3339(wanted->ends_at)));
  result.outputs = {{"changed", "true"}, {"ids", fmt::format("{}", fmt::join(ids, ","))}};
  return result;
}

ProbeAnswer probe_silence(const ActionScope& scope, const BeforeState&, WallTime intended_at, std::stop_token stop) {
  bool is_sure = !scope.world.alertmanagers.empty();
  const WallTime wanted = intended_at + scope.step.arguments.duration("for");
  for (const auto& alertmanager : scope.world.alertmanagers) {
    const auto own =
        own_silences(*alertmanager, token_of(scope), scope.tools.clock.deadline_in(kAlertmanagerLook), stop);
    is_sure = is_sure && own.has_value();
    if (!own.has_value()) continue;
    // An older one of this step ends earlier. Alertmanager keeps milliseconds.
    const auto found =
        std::find_if(own->begin(), own->end(), [&](const Silence& each) { return each.ends_at + 1s >= wanted; });
    if (found != own->end()) return {Probed::kHappened, fmt::format("silence {} is there", found->id)};
  }
  return is_sure ? ProbeAnswer{Probed::kDidNotHappen, "no Alertmanager holds such a silence"}
                 : ProbeAnswer{Probed::kUnknown, "not every Alertmanager answers"};
}

Status end_silences(AlertmanagerApi& api, const std::string& token, Deadline deadline, const std::stop_token& stop) {
  HEAL_TRY(const auto own, own_silences(api, token, deadline, stop));
  for (const Silence& each : own) {
    const Status ended = api.expire_silence(each.id, deadline, stop);
    if (!ended.has_value() && ended.error().code() != ErrorCode::kNotFound) return ended;
  }
  return {};
}

/// A silence that is left behind on one of several Alertmanagers ends by itself, but until then it hides something.
ActionResult end_silence(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  std::size_t left = 0;
  std::optional<ActionResult> worst;
  for (const auto& alertmanager : scope.world.alertmanagers) {
    const Status ended = end_silences(*alertmanager, token_of(scope), deadline, stop);
    if (ended.has_value()) continue;
    ++left;
    ActionResult result = ActionResult::of_error(ended.error());
    if (!worst || result.kind == ActionResult::Kind::kUnknown) worst = std::move(result);
  }
  if (!worst) return ActionResult::done("the silence has ended");
  worst->message = fmt::format("{} of {} Alertmanagers may hold the silence still: {}", left,
                               scope.world.alertmanagers.size(), worst->message);
  return *worst;
}

Alert alert_of(const ActionScope& scope) {
  const auto& arguments = scope.step.arguments;
  Alert alert;
  if (arguments.has("labels")) {
    const auto& labels = arguments.text_map("labels");
    alert.labels = Labels(labels.begin(), labels.end());
  }
  alert.labels["alertname"] = arguments.text("name");
  alert.labels["heal_playbook"] = scope.plan.playbook;
  alert.labels["heal_target"] = scope.plan.target.str();
  alert.labels["heal_incident"] = scope.incident_id;
  if (arguments.has("annotations")) {
    const auto& annotations = arguments.text_map("annotations");
    alert.annotations = Labels(annotations.begin(), annotations.end());
  }
  alert.starts_at = scope.tools.clock.now();
  return alert;
}

ActionResult alert(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  Alert alert = alert_of(scope);
  alert.ends_at = alert.starts_at + scope.step.arguments.duration("for");
  return tell_all(
      scope, [&](AlertmanagerApi& api) { return api.post({alert}, deadline, stop); },
      fmt::format("{} fires until {}", scope.step.arguments.text("name"), format_rfc3339(*alert.ends_at)));
}

ProbeAnswer probe_alert(const ActionScope& scope, const BeforeState&, WallTime, std::stop_token stop) {
  bool is_sure = !scope.world.alertmanagers.empty();
  const Labels labels = alert_of(scope).labels;
  for (const auto& alertmanager : scope.world.alertmanagers) {
    const auto found = alertmanager->find(labels, scope.tools.clock.deadline_in(kAlertmanagerLook), stop);
    if (found.has_value() && found->has_value()) return {Probed::kHappened, "the alert fires"};
    is_sure = is_sure && found.has_value();
  }
  return is_sure ? ProbeAnswer{Probed::kDidNotHappen, "no Alertmanager holds the alert"}
                 : ProbeAnswer{Probed::kUnknown, "not every Alertmanager answers"};
}

ActionResult end_alert(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  Alert alert = alert_of(scope);
  alert.ends_at = alert.starts_at;
  alert.status = AlertStatus::kResolved;
  return tell_all(
      scope, [&](AlertmanagerApi& api) { return api.post({alert}, deadline, stop); },
      fmt::format("{} has ended", scope.step.arguments.text("name")));
}

}  // namespace

const ActionKind kAlertmanagerSilence{"alertmanager.silence", nullptr, silence, probe_silence, end_silence};
const ActionKind kAlertmanagerAlert{"alertmanager.alert", nullptr, alert, probe_alert, end_alert};

}  // namespace heal::remedy
