#include "common/wire/json_text.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/model/incident_times.h"
#include "common/wire/json.h"

namespace heal {
namespace {

bool is_quotable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7F;
}

bool is_plain(char c) {
  return is_quotable(c) && c != '"' && c != '\\';
}

/// Looks at whole blocks without a way out of their middle, which the compiler makes one comparison of many bytes.
template <typename Holds>
bool holds_for_all(std::string_view text, Holds holds) {
  constexpr std::size_t kBlock = 64;
  while (!text.empty()) {
    const std::size_t size = std::min(text.size(), kBlock);
    unsigned others = 0;
    for (std::size_t i = 0; i < size; ++i)
      others |= static_cast<unsigned>(!holds(text[i]));
    if (others != 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

/// A member that says nothing is left out.
void add_text(JsonObjectText& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.text(name, value);
}

struct TimeMember {
  std::string name;
  std::optional<WallTime> IncidentTimes::*time;
};

/// In the order in which a JSON object has its members.
const std::vector<TimeMember>& times_by_member() {
  static const std::vector<TimeMember> kMembers = [] {
    std::vector<TimeMember> members;
    for (const NamedTime& each : kIncidentTimes)
      members.push_back({fmt::format("{}_at", each.name), each.time});
    std::sort(members.begin(), members.end(), [](const TimeMember& a, const TimeMember& b) { return a.name < b.name; });
    return members;
  }();
  return kMembers;
}

std::string times_text(const IncidentTimes& times) {
  JsonObjectText out;
  for (const TimeMember& member : times_by_member()) {
    if (times.*member.time) out.time(member.name, times.*member.time);
  }
  return out.take();
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (holds_for_all(text, is_plain)) {
    out += '"';
    out += text;
    out += '"';
  } else if (holds_for_all(text, is_quotable)) {
    out += '"';
    for (const char c : text) {
      if (!is_plain(c)) out += '\\';
      out += c;
    }
    out += '"';
  } else {
    out += dump(Json(std::string(text)));
  }
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

std::string json_text(const std::vector<std::string>& texts) {
  constexpr std::size_t kMarks = 3;  // quotes and comma
  std::size_t size = 2;
  for (const std::string& text : texts)
    size += text.size() + kMarks;
  std::string out;
  out.reserve(size);
  out += '[';
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    append_json_string(out, text);
  }
  out += ']';
  return out;
}

std::string json_text(const Incident& incident) {
  constexpr std::size_t kUsualSize = 768;
  JsonObjectText out(kUsualSize);
  if (incident.attempt != 0) out.number("attempt", static_cast<std::int64_t>(incident.attempt));
  add_text(out, "drill", incident.drill);
  out.raw("episodes", json_text(incident.episode_keys));
  if (incident.exit_code) out.number("exit_code", *incident.exit_code);
  add_text(out, "failure_reason", incident.failure_reason);
  out.text("id", incident.id).text("message", incident.message).text("name", incident.name);
  add_text(out, "plan_hash", incident.plan_hash);
  add_text(out, "playbook", incident.playbook);
  out.text("reason", incident.reason);
  add_text(out, "requested_by", incident.requested_by);
  out.text("state", to_string(incident.state));
  if (incident.target) out.text("target", incident.target->str());
  return out.raw("times", times_text(incident.times)).text("type", incident.type).take();
}

}  // namespace heal
