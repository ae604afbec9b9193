#include "common/wire/grafana.h"

#include <array>
#include <string>
#include <utility>

#include "common/wire/alert_group.h"
#include "common/wire/json.h"

namespace heal {
namespace {

struct Extra {
  const char* member;
  const char* annotation;
};
constexpr std::array<Extra, 4> kExtras{{{"silenceURL", "silence_url"},
                                        {"dashboardURL", "dashboard_url"},
                                        {"panelURL", "panel_url"},
                                        {"valueString", "value_string"}}};

Status read_extras(const Json& json, std::string_view at, Alert& alert) {
  for (const Extra& extra : kExtras) {
    HEAL_TRY(auto text, get_optional_string(json, extra.member, at));
    if (text && !text->empty()) alert.annotations.emplace(extra.annotation, std::move(*text));
  }
  return {};
}

}  // namespace

Result<GrafanaParse> parse_grafana(std::string_view body) {
  HEAL_TRY(Json json, parse_notification(body));
  GrafanaParse parse;
  HEAL_TRY(parse.alerts.group, parse_group_head(json, "1"));
  HEAL_TRY(parse.org_id, get_int(json, "orgId"));
  HEAL_TRY_STATUS(parse_group_alerts(json, read_extras, parse.alerts));
  return parse;
}

}  // namespace heal
