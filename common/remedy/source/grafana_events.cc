#include "common/remedy/source/grafana_events.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/page.h"
#include "common/remedy/source/alertmanager_events.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

/// Why Grafana set an alert to its state other than by what its rule asks; "" for all others (grafana/grafana
/// pkg/services/ngalert/models StateReasonAnnotation): MissingSeries, NoData, Error, Paused, Updated, RuleDeleted, …
std::string_view state_reason(const Alert& alert) {
  return label_value(alert.annotations, "grafana_state_reason");
}

/// A rule whose query gave nothing, or an error. By its settings that is an alert of its own name or Grafana's.
bool says_nothing(const Alert& alert) {
  const auto name = label_value(alert.labels, "alertname");
  const auto reason = state_reason(alert);
  return name == "DatasourceNoData" || name == "DatasourceError" || reason.find("NoData") != std::string_view::npos ||
         reason.find("Error") != std::string_view::npos;
}

/// Why an alert says nothing of a trouble or of its end; "" when it does. A series that is missing is what a dead
/// target leaves.
std::string ignored_for(const Alert& alert, const playbook::GrafanaSourceConfig& config) {
  const std::string name = printable(label_value(alert.labels, "alertname"), 200);
  const auto reason = state_reason(alert);
  if (alert.status == AlertStatus::kResolved && !reason.empty())
    return fmt::format("{}: resolved because of {}, which does not tell that it is over", name, printable(reason, 100));
  if (says_nothing(alert) && config.no_data == playbook::GrafanaSourceConfig::NoData::kIgnore)
    return fmt::format("{}: Grafana could not find out (sources.grafana.no_data: ignore)", name);
  return "";
}

}  // namespace

Delivery delivery_of(GrafanaParse parse, const playbook::GrafanaSourceConfig& config) {
  Delivery out;
  out.batch.source = words::kGrafana;
  AlertGroup& group = parse.alerts.group;
  out.batch.receiver = std::move(group.receiver);
  out.batch.group_key = std::move(group.group_key);
  out.batch.truncated_alerts = group.truncated_alerts;
  out.has_good_ones = !group.alerts.empty();
  out.rejected = std::move(parse.alerts.rejected);
  for (std::size_t i = 0; i < group.alerts.size(); ++i) {
    Alert& alert = group.alerts[i];
    if (is_own_alert(alert)) continue;
    if (std::string reason = ignored_for(alert, config); !reason.empty()) {
      out.ignored.push_back({i, std::move(reason)});
      continue;
    }
    std::string key = fmt::format("gf:{}:{}", parse.org_id, alert.episode_key());
    out.batch.events.push_back(event_of(std::move(alert), words::kGrafana, std::move(key)));
  }
  return out;
}

}  // namespace heal::remedy
