#include "webhook/explain.h"

#include <iterator>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal::webhook {
namespace {

std::string text_of(const Json& object, std::string_view name) {
  auto text = get_optional_string(object, name);
  return text.has_value() ? printable(text->value_or(""), 300) : "";
}

void add_guards(std::string& out, const Json& data) {
  const Json* guards = find_member(data, "guards");
  if (guards == nullptr || !guards->is_array()) return;
  for (const Json& guard : *guards) {
    fmt::format_to(std::back_inserter(out), "      {:<15} {:<7} {}\n", text_of(guard, "guard"),
                   text_of(guard, "result"), text_of(guard, "message"));
    const Json* inputs = find_member(guard, "inputs");
    if (inputs == nullptr || !inputs->is_array()) continue;
    for (const Json& input : *inputs)
      fmt::format_to(std::back_inserter(out), "        {} = {}\n", text_of(input, "name"), text_of(input, "value"));
  }
}

void add_routes(std::string& out, const Json& data) {
  const Json* routes = find_member(data, "routes");
  if (routes == nullptr || !routes->is_array()) return;
  for (const Json& route : *routes) {
    if (route.is_string())
      fmt::format_to(std::back_inserter(out), "      {}\n", printable(route.get<std::string>(), 400));
  }
}

}  // namespace

std::string explain_incident(const Incident& incident, const std::vector<TimelineEntry>& timeline) {
  std::string out = fmt::format("{} {}{}: {} ({})\n  {}\n", incident.type, printable(incident.name),
                                incident.target ? " on " + incident.target->str() : "", to_string(incident.state),
                                incident.reason, printable(incident.message, 500));
  for (const TimelineEntry& entry : timeline) {
    fmt::format_to(std::back_inserter(out), "  {}  {:<12} {}\n", format_rfc3339(entry.at), entry.kind,
                   printable(entry.message, 500));
    auto data = parse_json(entry.data);
    if (!data.has_value()) continue;
    if (entry.kind == "decision") add_guards(out, *data);
    if (entry.kind == "matched" || entry.kind == "unmatched") add_routes(out, *data);
  }
  return out;
}

}  // namespace heal::webhook
