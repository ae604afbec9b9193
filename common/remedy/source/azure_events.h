#pragma once

#include "common/remedy/source/delivery.h"
#include "common/wire/azure_monitor.h"

namespace heal::remedy {

/// An alert of Azure Monitor as one event. Episode key: `az:<alertId>`, which is of one firing. Labels, where the alert
/// tells them: alertname (its rule), source (azure-monitor), severity, signal_type, monitoring_service, resource_id
/// (the first configuration item that is an id, else the first target), resource (its last part), resource_group,
/// resource_type, subscription, metric, and dimension_<name>. Annotations: custom properties, description.
Delivery delivery_of(AzureAlert alert);

}  // namespace heal::remedy
