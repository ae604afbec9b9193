#include "common/playbook/step_kind_tools.h"

namespace heal::playbook {
namespace {

using Need = ArgumentSpec::Need;

/// What may be said twice without harm.
StepKind telling(std::string name, std::vector<ArgumentSpec> arguments) {
  StepKind out;
  out.name = std::move(name);
  out.idempotence = Idempotence::kIdempotent;
  out.on_unknown = OnUnknown::kRerun;
  out.timeout = 15s;
  out.arguments = std::move(arguments);
  return out;
}

}  // namespace

std::vector<StepKind> message_kinds() {
  StepKind silence = telling("alertmanager.silence",
                             {shaped("labels", ArgumentShape::kTextMap, Need::kRequired),
                              required("for", of_type(ValueType::kDuration)), optional("comment", long_text())});
  silence.outputs = {"changed", "ids"};
  silence.inverse = silence.name;
  silence.rule = rule_of_silence;
  StepKind alert =
      telling("alertmanager.alert",
              {required("name", matching("Heal[A-Za-z0-9_]{0,120}")), shaped("labels", ArgumentShape::kTextMap),
               shaped("annotations", ArgumentShape::kTextMap), scalar("for", of_type(ValueType::kDuration), "5m")});
  alert.inverse = alert.name;
  alert.rule = rule_of_alert;
  StepKind email = telling("notify.email", {shaped("to", ArgumentShape::kTextList), required("subject", TypeSpec()),
                                            required("body", long_text())});
  email.timeout = 30s;
  email.rule = rule_of_email;
  StepKind webhook = telling("notify.webhook",
                             {required("to", TypeSpec()), shaped("body", ArgumentShape::kJsonText, Need::kRequired)});
  webhook.outputs = {"status", "body"};
  webhook.rule = rule_of_webhook;
  return {silence, alert, email, webhook};
}

}  // namespace heal::playbook
