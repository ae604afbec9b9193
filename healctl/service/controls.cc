#include "healctl/service/controls.h"

#include <algorithm>

#include "common/wire/json.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

std::string text_of(const Json& object, std::string_view name) {
  return get_optional_string(object, name).value_or(std::nullopt).value_or("");
}

std::string when(const Json& object, std::string_view name, WallTime now, const std::string& otherwise) {
  const auto time = get_optional_time(object, name).value_or(std::nullopt);
  return time ? relative_time(*time, now) : otherwise;
}

const Json& list_of(const Json& answer, std::string_view name) {
  static const Json kNone = Json::array();
  const Json* list = find_member(answer, name);
  return list != nullptr && list->is_array() ? *list : kNone;
}

}  // namespace

Table pauses_table(const Json& answer, WallTime now) {
  using enum Column::Fit;
  Table table({{"NAME", kKeep}, {"BY", kCut}, {"SINCE", kKeep}, {"UNTIL", kKeep}, {"REASON", kCut}});
  for (const Json& pause : list_of(answer, "pauses"))
    table.add({text_of(pause, "name"), text_of(pause, "by"), when(pause, "since", now, ""),
               when(pause, "until", now, "resumed"), text_of(pause, "reason")});
  return table;
}

Table breakers_table(const Json& answer, WallTime now) {
  using enum Column::Fit;
  Table table({{"PLAYBOOK", kKeep}, {"TARGET", kCut}, {"OPENED", kKeep}, {"REASON", kKeep}, {"INCIDENT", kKeep}});
  for (const Json& breaker : list_of(answer, "breakers"))
    table.add({text_of(breaker, "playbook"), text_of(breaker, "target"), when(breaker, "opened_at", now, ""),
               text_of(breaker, "reason"), text_of(breaker, "incident")});
  return table;
}

const Json* pause_of(const Json& answer, std::string_view name) {
  const Json& pauses = list_of(answer, "pauses");
  const auto found =
      std::find_if(pauses.begin(), pauses.end(), [&](const Json& pause) { return text_of(pause, "name") == name; });
  return found == pauses.end() ? nullptr : &*found;
}

std::size_t count_in(const Json& answer, std::string_view name) {
  return list_of(answer, name).size();
}

}  // namespace heal::ctl
