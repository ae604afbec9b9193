#include "common/remedy/source/azure_events.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

/// What a route can name: letters, digits and underscores.
std::string label_name(std::string_view prefix, std::string_view text) {
  std::string out(prefix);
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += is_plain ? c : '_';
  }
  return out;
}

/// What the alert is about: of a log alert the target is the workspace, and the items are the resources.
std::string resource_of(const AzureAlert& alert) {
  const auto& items = alert.configuration_items;
  const auto it =
      std::find_if(items.begin(), items.end(), [](const std::string& item) { return item.starts_with('/'); });
  if (it != items.end()) return *it;
  if (!alert.target_ids.empty()) return alert.target_ids.front();
  return items.empty() ? "" : items.front();
}

/// The part of a resource id after `/name/`; names are of any case.
std::string part_after(std::string_view id, std::string_view name) {
  const auto parts = split(id, '/');
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (to_lower(parts[i]) == name) return std::string(parts[i + 1]);
  }
  return "";
}

void add_resource(Labels& labels, const AzureAlert& alert) {
  const std::string id = resource_of(alert);
  add_label(labels, "resource_id", id);
  add_label(labels, "resource", id.substr(id.rfind('/') + 1));
  add_label(labels, "subscription", part_after(id, "subscriptions"));
  add_label(labels, "resource_group",
            alert.target_resource_group.empty() ? part_after(id, "resourcegroups") : alert.target_resource_group);
  add_label(labels, "resource_type", alert.target_resource_type);
}

Labels labels_of(const AzureAlert& alert) {
  Labels labels{{std::string(event_labels::kName), alert.alert_rule},
                {std::string(event_labels::kSource), std::string(words::kAzureMonitor)}};
  add_label(labels, "severity", alert.severity);
  add_label(labels, "signal_type", alert.signal_type);
  add_label(labels, "monitoring_service", alert.monitoring_service);
  add_resource(labels, alert);
  if (alert.criteria.empty()) return labels;
  add_label(labels, "metric", alert.criteria.front().metric);
  for (const auto& [name, value] : alert.criteria.front().dimensions)
    add_label(labels, label_name("dimension_", name), value);
  return labels;
}

std::string reason_of(const AzureAlert& alert) {
  if (alert.criteria.empty()) return alert.description;
  const AzureCriterion& first = alert.criteria.front();
  if (first.metric.empty()) return alert.description;
  std::string out = first.metric;
  if (!first.comparison.empty() && !first.threshold.empty())
    out += fmt::format(" {} {}", first.comparison, first.threshold);
  if (!first.value.empty()) out += fmt::format(" (is {})", first.value);
  return out;
}

}  // namespace

Delivery delivery_of(AzureAlert alert) {
  SourceEvent event;
  event.source = words::kAzureMonitor;
  event.key = told_key("az:", alert.alert_id);
  event.name = alert.alert_rule;
  event.labels = labels_of(alert);
  event.facts.reason = reason_of(alert);
  event.annotations = std::move(alert.custom_properties);
  if (!alert.description.empty()) event.annotations["description"] = alert.description;
  event.starts_at = alert.fired_at;
  event.generator_url = std::move(alert.investigation_link);
  if (alert.condition == AzureAlert::Condition::kResolved) {
    event.kind = SourceEvent::Kind::kResolved;
    event.ends_at = alert.resolved_at;
    event.end_reason = "alert_resolved";
    event.end_message = "the alert resolved";
  }
  Delivery out;
  out.batch.source = words::kAzureMonitor;
  out.batch.events.push_back(std::move(event));
  return out;
}

}  // namespace heal::remedy
