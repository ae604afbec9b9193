#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/alertmanager.h"

namespace heal {

/// What a notification of Grafana held.
struct GrafanaParse {
  std::int64_t org_id = 0;  ///< the organisation within Grafana
  AlertGroupParse alerts;

  bool operator==(const GrafanaParse&) const = default;
};

/// A notification of Grafana's contact point "webhook" (grafana/alerting receivers/webhook/v1/webhook.go,
/// templates/template_data.go). Alertmanager's shape (alertmanager.h) with version "1", and also:
///   orgId whole number · title, state, message strings (unused) ·
///   of each alert silenceURL, dashboardURL, panelURL, valueString strings · values object, imageURL … (unused)
/// Required as there, and orgId. Links and valueString become the annotations silence_url, dashboard_url, panel_url and
/// value_string, where the alert has none of that name. Rejections and Errors as parse_alertmanager_v4.
Result<GrafanaParse> parse_grafana(std::string_view body);

}  // namespace heal
