#pragma once

#include "common/playbook/sources.h"
#include "common/remedy/source/delivery.h"
#include "common/wire/grafana.h"

namespace heal::remedy {

/// A notification of Grafana as events, one for each alert, with its labels as they came. Episode key:
/// `gf:<orgId>:<fingerprint>:<startsAt>`.
Delivery delivery_of(GrafanaParse parse, const playbook::GrafanaSourceConfig& config);

}  // namespace heal::remedy
