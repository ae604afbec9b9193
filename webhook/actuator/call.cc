#include "webhook/actuator/call.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"

namespace heal::actuator {
namespace {

constexpr std::int64_t kMostSeconds = 24 * 3600;

bool is_made_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_flag(std::string_view text) {
  constexpr std::array<std::string_view, 4> kFlags{"0", "1", "false", "true"};
  return std::find(kFlags.begin(), kFlags.end(), text) != kFlags.end();
}

bool is_set(std::string_view text) {
  return text == "1" || text == "true";
}

bool is_count(std::string_view text) {
  return text == "all" || (text.size() <= 6 && is_made_of(text, "0123456789"));
}

/// Unix seconds with a fraction.
bool is_time(std::string_view text) {
  return text.size() <= 24 && is_made_of(text, "0123456789.") && std::count(text.begin(), text.end(), '.') <= 1;
}

bool is_seconds(std::string_view text) {
  const auto seconds = parse_int(text);
  return seconds && *seconds >= 0 && *seconds <= kMostSeconds;
}

bool is_signal(std::string_view text) {
  constexpr std::array<std::string_view, 9> kSignals{"ABRT", "HUP",  "INT",  "KILL", "QUIT",
                                                     "TERM", "USR1", "USR2", "WINCH"};
  if (text.starts_with("SIG")) text.remove_prefix(3);
  return std::find(kSignals.begin(), kSignals.end(), text) != kSignals.end();
}

bool is_condition(std::string_view text) {
  return text == "not-running" || text == "next-exit" || text == "removed";
}

/// `{"type": ["container"], "event": ["die", "oom"]}`.
bool is_event_filter(std::string_view text) {
  const auto json = parse_json(text, {.max_depth = 3});
  if (!json || !json->is_object()) return false;
  const std::set<std::string_view> known{"container", "event", "image", "label", "type"};
  for (const auto& [name, values] : json->items()) {
    const bool are_strings = values.is_array() && std::all_of(values.begin(), values.end(),
                                                              [](const Json& value) { return value.is_string(); });
    if (known.count(name) == 0 || !are_strings) return false;
    if (name == "type" && values != Json::array({"container"})) return false;
  }
  return true;
}

/// Events of images, networks and volumes are nobody's business here.
std::string only_containers(std::string_view filter) {
  auto json = parse_json(filter).value_or(Json::object());
  json["type"] = Json::array({"container"});
  return dump(json);
}

struct Parameter {
  std::string_view name;
  bool (*is_good)(std::string_view);
};

/// One call of the API that we know.
struct Shape {
  std::string_view method;
  std::string_view pattern;  ///< `{}` stands for a name or id
  Verb verb;
  std::vector<Parameter> parameters;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> kShapes{
      {"GET", "_ping", Verb::kPing, {}},
      {"HEAD", "_ping", Verb::kPing, {}},
      {"GET", "version", Verb::kVersion, {}},
      {"GET", "events", Verb::kEvents, {{"since", is_time}, {"until", is_time}, {"filters", is_event_filter}}},
      {"GET", "containers/json", Verb::kList, {{"all", is_flag}}},
      {"GET", "containers/{}/json", Verb::kInspect, {}},
      {"GET",
       "containers/{}/logs",
       Verb::kLogs,
       {{"stdout", is_flag},
        {"stderr", is_flag},
        {"tail", is_count},
        {"timestamps", is_flag},
        {"since", is_time},
        {"until", is_time},
        {"follow", is_flag}}},
      {"GET", "containers/{}/stats", Verb::kStats, {{"stream", is_flag}, {"one-shot", is_flag}}},
      {"POST", "containers/{}/wait", Verb::kWait, {{"condition", is_condition}}},
      {"POST", "containers/{}/start", Verb::kStart, {}},
      {"POST", "containers/{}/stop", Verb::kStop, {{"t", is_seconds}, {"signal", is_signal}}},
      {"POST", "containers/{}/restart", Verb::kRestart, {{"t", is_seconds}, {"signal", is_signal}}},
      {"POST", "containers/{}/kill", Verb::kKill, {{"signal", is_signal}}},
      {"POST", "containers/{}/pause", Verb::kPause, {}},
      {"POST", "containers/{}/unpause", Verb::kUnpause, {}},
      {"POST", "containers/{}/update", Verb::kUpdate, {}},
      {"POST", "containers/{}/exec", Verb::kExec, {}},
      {"POST", "exec/{}/start", Verb::kExecStart, {}},
      {"GET", "exec/{}/json", Verb::kExecInspect, {}},
      {"POST", "containers/{}/rename", Verb::kRename, {{"name", is_docker_name}}},
      {"POST", "containers/create", Verb::kCreate, {{"name", is_docker_name}}},
      {"DELETE", "containers/{}", Verb::kRemove, {{"force", is_flag}}},
      {"POST", "networks/{}/disconnect", Verb::kNetworkDisconnect, {}},
      {"POST", "networks/{}/connect", Verb::kNetworkConnect, {}},
  };
  return kShapes;
}

const Shape& shape_of(Verb verb) {
  return *std::find_if(shapes().begin(), shapes().end(), [&](const Shape& each) { return each.verb == verb; });
}

/// What stands in the place of `{}`; nullopt when the path is another one.
std::optional<std::string> match_path(std::string_view pattern, const std::vector<std::string_view>& path) {
  const auto parts = split(pattern, '/');
  if (parts.size() != path.size()) return std::nullopt;
  std::string name;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "{}") {
      name = path[i];
    } else if (parts[i] != path[i]) {
      return std::nullopt;
    }
  }
  return name;
}

bool is_version(std::string_view text) {
  return text.size() == 5 && text.starts_with("v1.") && is_made_of(text.substr(3), "0123456789");
}

bool is_odd_segment(std::string_view part) {
  return part.empty() || part == "." || part == "..";
}

/// The segments of a plain path; none when it is not plain.
std::vector<std::string_view> plain_segments(std::string_view target) {
  const auto path = target.substr(0, target.find('?'));
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
  if (!path.starts_with('/') || !is_made_of(path, kPlain)) return {};
  auto parts = split(path.substr(1), '/');
  if (std::any_of(parts.begin(), parts.end(), is_odd_segment)) return {};
  return parts;
}

std::optional<Refusal> check_headers(const httpd::HttpRequest& request) {
  if (!request.header("Upgrade").empty() || to_lower(request.header("Connection")).find("upgrade") != std::string::npos)
    return Refusal{Reason::kUpgrade, "connections are not handed over here"};
  return std::nullopt;
}

std::optional<Refusal> read_query(const httpd::HttpRequest& request, const Shape& shape, Call& call) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.query) {
    const auto known = std::find_if(shape.parameters.begin(), shape.parameters.end(),
                                    [&name = name](const Parameter& parameter) { return parameter.name == name; });
    if (known == shape.parameters.end() || !seen.insert(name).second) {
      return Refusal{Reason::kQuery,
                     fmt::format("{} may not be asked with the parameter \"{}\"{}", to_string(shape.verb),
                                 printable(name, 40), seen.count(name) > 0 ? " twice" : "")};
    }
    if (!known->is_good(value)) {
      return Refusal{Reason::kQuery, fmt::format("{}: the value \"{}\" of the parameter \"{}\" is not accepted",
                                                 to_string(shape.verb), printable(value, 60), name)};
    }
    if (name == "t") call.grace = std::chrono::seconds(parse_int(value).value_or(0));
    call.query.emplace_back(name, name == "filters" ? only_containers(value) : value);
  }
  return std::nullopt;
}

bool streams(const Call& call) {
  const auto value = [&](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [each, text] : call.query) {
      if (each == name) return text;
    }
    return std::nullopt;
  };
  if (call.verb == Verb::kEvents || call.verb == Verb::kExecStart) return true;
  if (call.verb == Verb::kStats) return is_set(value("stream").value_or("1"));
  return call.verb == Verb::kLogs && is_set(value("follow").value_or("0"));
}

bool takes_body(Verb verb) {
  switch (verb) {
    case Verb::kCreate:
    case Verb::kNetworkConnect:
    case Verb::kNetworkDisconnect:
    case Verb::kUpdate:
    case Verb::kExec:
    case Verb::kExecStart:
      return true;
    default:
      return false;
  }
}

std::variant<Call, Refusal> read_call(const httpd::HttpRequest& request, const Shape& shape, std::string name) {
  Call call;
  call.verb = shape.verb;
  if (!name.empty() && !is_docker_name(name))
    return Refusal{Reason::kMalformed, fmt::format("\"{}\" is no name or id", printable(name, 80))};
  (shape.pattern.starts_with("networks/") ? call.network : call.container) = std::move(name);
  if (auto refusal = read_query(request, shape, call)) return *refusal;
  const auto is_filter = [](const auto& parameter) { return parameter.first == "filters"; };
  if (call.verb == Verb::kEvents && std::none_of(call.query.begin(), call.query.end(), is_filter))
    call.query.emplace_back("filters", only_containers("{}"));
  call.is_stream = streams(call);
  if (!request.body.empty() && !takes_body(shape.verb))
    return Refusal{Reason::kBody, fmt::format("{} takes no body", to_string(shape.verb))};
  call.body = request.body;
  return call;
}

}  // namespace

std::variant<Call, Refusal> parse_call(const httpd::HttpRequest& request) {
  if (auto refusal = check_headers(request)) return *refusal;
  auto path = plain_segments(request.target);
  if (path.empty()) return Refusal{Reason::kMalformed, "the path is not a plain path of Docker's API"};
  std::string version;
  if (path.size() > 1 && is_version(path[0])) {
    version = fmt::format("/{}", path[0]);
    path.erase(path.begin());
  }
  for (const Shape& shape : shapes()) {
    if (shape.method != request.method) continue;
    auto name = match_path(shape.pattern, path);
    if (!name) continue;
    auto call = read_call(request, shape, std::move(*name));
    if (auto* good = std::get_if<Call>(&call)) good->version = std::move(version);
    return call;
  }
  return Refusal{Reason::kUnknownCall,
                 fmt::format("{} {} is not a call that passes here", printable(request.method, 20),
                             printable(request.target.substr(0, request.target.find('?')), 120))};
}

std::string engine_method(Verb verb) {
  return std::string(shape_of(verb).method);
}

std::string engine_path(const Call& call, const std::string& id) {
  std::string path = call.version + "/";
  for (const auto part : split(shape_of(call.verb).pattern, '/')) {
    if (path.back() != '/') path += '/';
    path += part != "{}" ? std::string(part) : (call.network.empty() ? id : call.network);
  }
  char separator = '?';
  for (const auto& [name, value] : call.query) {
    path += fmt::format("{}{}={}", separator, name, percent_encode(value));
    separator = '&';
  }
  return path;
}

}  // namespace heal::actuator
