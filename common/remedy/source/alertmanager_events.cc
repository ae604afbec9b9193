#include "common/remedy/source/alertmanager_events.h"

#include <utility>

#include "common/remedy/page.h"
#include "common/remedy/words.h"

namespace heal::remedy {

SourceEvent event_of(Alert alert, std::string_view source, std::string key) {
  SourceEvent event;
  event.source = source;
  event.key = std::move(key);
  event.name = label_value(alert.labels, "alertname");
  if (event.name.empty()) event.name = "alert without a name";
  event.labels = std::move(alert.labels);
  event.annotations = std::move(alert.annotations);
  event.starts_at = alert.starts_at;
  event.generator_url = std::move(alert.generator_url);
  if (alert.status == AlertStatus::kResolved) {
    event.kind = SourceEvent::Kind::kResolved;
    event.ends_at = alert.ends_at;
    event.end_reason = "alert_resolved";
    event.end_message = "the alert resolved";
  }
  return event;
}

EventBatch events_of(AlertGroup group) {
  EventBatch batch;
  batch.source = words::kAlertmanager;
  batch.receiver = std::move(group.receiver);
  batch.group_key = std::move(group.group_key);
  batch.sender = group.external_url;
  batch.truncated_alerts = group.truncated_alerts;
  batch.events.reserve(group.alerts.size());
  for (Alert& alert : group.alerts) {
    // What we posted ourselves comes back when a route sends everything here.
    if (is_own_alert(alert)) continue;
    std::string key = episode_key(alert);
    batch.events.push_back(event_of(std::move(alert), words::kAlertmanager, std::move(key)));
    batch.events.back().alertmanager_url = group.external_url;
  }
  return batch;
}

Delivery delivery_of(AlertGroupParse parse) {
  Delivery out;
  out.has_good_ones = !parse.group.alerts.empty();
  out.batch = events_of(std::move(parse.group));
  out.rejected = std::move(parse.rejected);
  return out;
}

std::string episode_key(const Alert& alert) {
  return "am:" + alert.episode_key();
}

}  // namespace heal::remedy
