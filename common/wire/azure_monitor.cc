#include "common/wire/azure_monitor.h"

#include <utility>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::string_view kSchema = "azureMonitorCommonAlertSchema";
constexpr std::string_view kEssentials = "/data/essentials";
constexpr std::size_t kMostAzureValues = 50'000;
constexpr std::size_t kMostCriteria = 32;

Result<std::vector<std::string>> texts(const Json& object, std::string_view name, std::string_view at) {
  std::vector<std::string> out;
  HEAL_TRY(const Json* list, get_optional_array(object, name, at));
  if (list == nullptr) return out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list)[i];
    if (!item.is_string()) {
      return make_error(ErrorCode::kInvalid, "{}: expected a string, got {}", json_pointer(json_pointer(at, name), i),
                        json_type_name(item));
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

/// Of a part whose shape depends on the service: text, numbers and truths as text, everything else as nothing.
std::string loose_text(const Json* value) {
  if (value == nullptr || value->is_structured()) return "";
  return value->is_string() ? value->get<std::string>() : dump(*value);
}

Labels loose_dimensions(const Json& criterion) {
  Labels out;
  const Json* list = find_member(criterion, "dimensions");
  if (list == nullptr || !list->is_array()) return out;
  for (const Json& dimension : *list) {
    auto name = loose_text(find_member(dimension, "name"));
    if (!name.empty()) out.emplace(std::move(name), loose_text(find_member(dimension, "value")));
  }
  return out;
}

std::vector<AzureCriterion> loose_criteria(const Json& data) {
  std::vector<AzureCriterion> out;
  const Json* context = find_member(data, "alertContext");
  const Json* condition = context == nullptr ? nullptr : find_member(*context, "condition");
  const Json* all = condition == nullptr ? nullptr : find_member(*condition, "allOf");
  if (all == nullptr || !all->is_array()) return out;
  for (const Json& each : *all) {
    if (!each.is_object() || out.size() == kMostCriteria) continue;
    AzureCriterion criterion;
    criterion.metric = loose_text(find_member(each, "metricName"));
    if (criterion.metric.empty()) criterion.metric = loose_text(find_member(each, "metricMeasureColumn"));
    criterion.comparison = loose_text(find_member(each, "operator"));
    criterion.threshold = loose_text(find_member(each, "threshold"));
    criterion.value = loose_text(find_member(each, "metricValue"));
    criterion.dimensions = loose_dimensions(each);
    out.push_back(std::move(criterion));
  }
  return out;
}

Labels loose_properties(const Json* object) {
  Labels out;
  if (object == nullptr || !object->is_object()) return out;
  for (const auto& [name, value] : object->items())
    out.emplace(name, value.is_structured() ? dump(value) : loose_text(&value));
  return out;
}

Result<AzureAlert::Condition> condition_of(const Json& essentials) {
  HEAL_TRY(const auto condition, get_string(essentials, "monitorCondition", kEssentials));
  if (condition == "Fired") return AzureAlert::Condition::kFired;
  if (condition == "Resolved") return AzureAlert::Condition::kResolved;
  return make_error(ErrorCode::kInvalid, "{}/monitorCondition: expected \"Fired\" or \"Resolved\", got \"{}\"",
                    kEssentials, printable(condition));
}

Result<AzureAlert> parse_essentials(const Json& essentials) {
  AzureAlert alert;
  HEAL_TRY(alert.alert_id, get_nonempty_string(essentials, "alertId", kEssentials));
  HEAL_TRY(alert.alert_rule, get_nonempty_string(essentials, "alertRule", kEssentials));
  HEAL_TRY(alert.condition, condition_of(essentials));
  HEAL_TRY(alert.fired_at, get_time(essentials, "firedDateTime", kEssentials));
  HEAL_TRY(alert.resolved_at, get_optional_time(essentials, "resolvedDateTime", kEssentials));
  HEAL_TRY(alert.severity, get_string_or_empty(essentials, "severity", kEssentials));
  HEAL_TRY(alert.signal_type, get_string_or_empty(essentials, "signalType", kEssentials));
  HEAL_TRY(alert.monitoring_service, get_string_or_empty(essentials, "monitoringService", kEssentials));
  HEAL_TRY(alert.target_ids, texts(essentials, "alertTargetIDs", kEssentials));
  HEAL_TRY(alert.configuration_items, texts(essentials, "configurationItems", kEssentials));
  HEAL_TRY(alert.target_resource_type, get_string_or_empty(essentials, "targetResourceType", kEssentials));
  HEAL_TRY(alert.target_resource_group, get_string_or_empty(essentials, "targetResourceGroup", kEssentials));
  HEAL_TRY(alert.description, get_string_or_empty(essentials, "description", kEssentials));
  HEAL_TRY(alert.investigation_link, get_string_or_empty(essentials, "investigationLink", kEssentials));
  return alert;
}

}  // namespace

Result<AzureAlert> parse_azure_monitor(std::string_view body) {
  JsonLimits limits;
  limits.max_values = kMostAzureValues;
  HEAL_TRY(const auto json, parse_json(body, limits));
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "expected an object, got {}", json_type_name(json));
  }
  HEAL_TRY(const auto schema, get_string(json, "schemaId"));
  if (schema != kSchema) {
    return make_error(ErrorCode::kInvalid, "/schemaId: expected \"{}\", got \"{}\"", kSchema, printable(schema));
  }
  HEAL_TRY(const Json* data, get_object(json, "data"));
  HEAL_TRY(const Json* essentials, get_object(*data, "essentials", "/data"));
  HEAL_TRY(AzureAlert alert, parse_essentials(*essentials));
  alert.criteria = loose_criteria(*data);
  alert.custom_properties = loose_properties(find_member(*data, "customProperties"));
  alert.custom_properties.merge(loose_properties(find_member(json, "customProperties")));
  return alert;
}

}  // namespace heal
