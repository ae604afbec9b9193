#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/labels.h"

namespace heal {

/// One condition of a metric or log alert, as far as its shape is known.
struct AzureCriterion {
  std::string metric;  ///< metricName, or metricMeasureColumn of a log alert
  std::string comparison, threshold, value;
  Labels dimensions;

  bool operator==(const AzureCriterion&) const = default;
};

/// One alert of Azure Monitor that fired or was resolved.
struct AzureAlert {
  enum class Condition { kFired, kResolved };
  Condition condition = Condition::kFired;
  std::string alert_id;  ///< resource id of this firing: the same when it is resolved, another at the next firing
  std::string alert_rule, severity, signal_type, monitoring_service;
  std::vector<std::string> target_ids;           ///< resource ids
  std::vector<std::string> configuration_items;  ///< the resources that a log alert is really about
  std::string target_resource_type, target_resource_group;
  WallTime fired_at{};
  std::optional<WallTime> resolved_at;  ///< metric alerts alone tell it
  std::string description, investigation_link;
  std::vector<AzureCriterion> criteria;
  Labels custom_properties;

  bool operator==(const AzureAlert&) const = default;
};

/// The body that an Azure Monitor action group posts with the common alert schema
/// (MicrosoftDocs/azure-monitor-docs alerts-common-schema.md):
///   schemaId "azureMonitorCommonAlertSchema" · data.essentials {alertId · alertRule · severity "Sev0".."Sev4" ·
///   signalType · monitorCondition "Fired"|"Resolved" · monitoringService · alertTargetIDs, configurationItems arrays
///   of strings · firedDateTime, resolvedDateTime RFC 3339 with up to 7 digits · description, investigationLink,
///   targetResourceType, targetResourceGroup strings} · data.alertContext: another shape for each service; of those
///   with condition.allOf[] metricName, operator, threshold, metricValue and dimensions[]{name, value} are read ·
///   data.customProperties (also beside data) free object
/// Required: schemaId, alertId, alertRule, monitorCondition, firedDateTime. kInvalid with the JSON pointer for what
/// breaks that; a context of a shape that is not known is passed over.
Result<AzureAlert> parse_azure_monitor(std::string_view body);

}  // namespace heal
