#include "common/wire/json_text.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/model/heal_outcome.h"
#include "common/model/incident_times.h"
#include "common/wire/json.h"

namespace heal {
namespace {

bool is_plain_ascii(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

/// Looks at whole blocks without a way out of their middle, which the compiler makes one comparison of many bytes.
bool is_plain_ascii(std::string_view text) {
  constexpr std::size_t kBlock = 64;
  while (text.size() >= kBlock) {
    unsigned others = 0;
    for (std::size_t i = 0; i < kBlock; ++i)
      others |= static_cast<unsigned>(!is_plain_ascii(text[i]));
    if (others != 0) return false;
    text.remove_prefix(kBlock);
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return is_plain_ascii(c); });
}

std::string seconds_text(const std::optional<Duration>& duration) {
  return duration ? dump(Json(to_seconds(*duration))) : "null";
}

/// In the order in which a JSON object has its members.
constexpr auto kTimesByName = [] {
  auto times = kIncidentTimes;
  std::sort(times.begin(), times.end(), [](const NamedTime& a, const NamedTime& b) { return a.name < b.name; });
  return times;
}();

std::string times_text(const IncidentTimes& times) {
  constexpr std::size_t kUsualSize = 384;
  JsonObjectText out(kUsualSize);
  for (const NamedTime& each : kTimesByName)
    out.time(fmt::format("{}_at", each.name), times.*each.time);
  return out.take();
}

std::string strings_text(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    append_json_string(out, text);
  }
  out += ']';
  return out;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (!is_plain_ascii(text)) {
    out += dump(Json(std::string(text)));
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

JsonObjectText::JsonObjectText(std::size_t expected_size) {
  out_.reserve(expected_size);
  out_ += '{';
}

void JsonObjectText::begin(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  append_json_string(out_, name);
  out_ += ':';
}

JsonObjectText& JsonObjectText::text(std::string_view name, std::string_view value) {
  begin(name);
  append_json_string(out_, value);
  return *this;
}

JsonObjectText& JsonObjectText::number(std::string_view name, std::int64_t value) {
  return raw(name, std::to_string(value));
}

JsonObjectText& JsonObjectText::time(std::string_view name, const std::optional<WallTime>& value) {
  begin(name);
  if (!value) {
    out_ += "null";
  } else {
    out_ += '"';
    out_ += format_rfc3339_nano(*value);
    out_ += '"';
  }
  return *this;
}

JsonObjectText& JsonObjectText::raw(std::string_view name, std::string_view json) {
  begin(name);
  out_ += json;
  return *this;
}

std::string JsonObjectText::take() {
  out_ += '}';
  return std::move(out_);
}

std::string json_text(const Labels& labels) {
  constexpr std::size_t kMarks = 6;  // quotes, colon and comma
  std::size_t size = 2;
  for (const auto& [name, value] : labels)
    size += name.size() + value.size() + kMarks;
  JsonObjectText out(size);
  for (const auto& [name, value] : labels)
    out.text(name, value);
  return out.take();
}

std::string json_text(const Incident& incident) {
  constexpr std::size_t kUsualSize = 1024;
  JsonObjectText out(kUsualSize);
  out.number("attempt", static_cast<std::int64_t>(incident.attempt))
      .text("drill", incident.drill)
      .raw("episodes", strings_text(incident.episode_keys));
  out.raw("exit_code", incident.exit_code ? std::to_string(*incident.exit_code) : "null");
  out.text("failure_reason", incident.failure_reason).text("id", incident.id).text("message", incident.message);
  out.raw("mttd_seconds", seconds_text(incident.times.time_to_detect()));
  out.raw("mttr_seconds", seconds_text(time_to_recover(incident)));
  out.text("name", incident.name).text("plan_hash", incident.plan_hash).text("playbook", incident.playbook);
  out.text("reason", incident.reason).text("requested_by", incident.requested_by);
  out.text("state", to_string(incident.state));
  if (incident.target) {
    out.text("target", incident.target->str());
  } else {
    out.raw("target", "null");
  }
  return out.raw("times", times_text(incident.times)).text("type", incident.type).take();
}

}  // namespace heal
