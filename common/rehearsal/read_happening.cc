#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/playbook/reading.h"
#include "common/rehearsal/reading.h"

namespace heal::rehearsal {
namespace {

using config::MapReader;
using config::Value;
using Read = std::optional<Happening> (*)(MapReader& map, const std::string& folder);

std::optional<Happening> read_alert(MapReader& map, std::string_view key, AlertChange::What what) {
  AlertChange out;
  out.what = what;
  if (!map.required(key, out.labels, as_labels)) return std::nullopt;
  if (out.labels.find("alertname") == out.labels.end()) map.find(key)->error("an alert has a label \"alertname\"");
  if (what == AlertChange::What::kFires) map.optional("annotations", out.annotations, as_labels);
  return out;
}

std::optional<Happening> read_payload(MapReader& map, const std::string& folder) {
  PayloadArrives out;
  if (!map.required("payload", out.file, config::as_nonempty_string)) return std::nullopt;
  out.file = config::resolve_path(out.file, folder);
  return out;
}

std::optional<Happening> read_container(MapReader& map, const std::string& /*folder*/) {
  using Becomes = ContainerChange::Becomes;
  ContainerChange out;
  map.required("container", out.name, config::as_nonempty_string);
  map.optional("engine", out.engine, config::as_nonempty_string);
  const bool is_known = map.required("becomes", out.becomes,
                                     config::as_enum<Becomes>({{"crashed", Becomes::kCrashed},
                                                               {"out_of_memory", Becomes::kOutOfMemory},
                                                               {"stopped", Becomes::kStopped},
                                                               {"running", Becomes::kRunning},
                                                               {"paused", Becomes::kPaused},
                                                               {"removed", Becomes::kRemoved},
                                                               {"healthy", Becomes::kHealthy},
                                                               {"unhealthy", Becomes::kUnhealthy},
                                                               {"hanging", Becomes::kHanging},
                                                               {"broken", Becomes::kBroken},
                                                               {"mended", Becomes::kMended}}));
  const bool ends = out.becomes == Becomes::kCrashed;
  if (ends) map.optional("exit_code", out.exit_code, config::as_integer(0, 255));
  return is_known ? std::optional<Happening>(out) : std::nullopt;
}

/// `200`, `refused` or `nothing`.
std::optional<int> as_http_answer(const Value& value) {
  if (value.is_scalar() && value.text() == "refused") return 0;
  if (value.is_scalar() && value.text() == "nothing") return -1;
  const auto number = value.is_scalar() ? parse_int(value.text()) : std::nullopt;
  if (number && *number >= 100 && *number <= 599) return static_cast<int>(*number);
  value.must_be("a status from 100 to 599, refused, or nothing");
  return std::nullopt;
}

std::optional<Happening> read_http(MapReader& map, const std::string& /*folder*/) {
  HttpAnswers out;
  map.required("http", out.url, config::as_http_url);
  map.required("answers", out.status, as_http_answer);
  map.optional("body", out.body, config::as_string);
  return out;
}

std::optional<Happening> read_tcp(MapReader& map, const std::string& /*folder*/) {
  using Behaviour = SimDialer::Behaviour;
  TcpAnswers out;
  map.required("tcp", out.address, config::as_host_port);
  map.required(
      "answers", out.behaviour,
      config::as_enum<Behaviour>(
          {{"accepted", Behaviour::kAccepts}, {"refused", Behaviour::kRefuses}, {"nothing", Behaviour::kDrops}}));
  return out;
}

std::optional<std::string> as_dns_name(const Value& value) {
  if (value.is_scalar() && config::is_dns_name(value.text())) return value.text();
  value.must_be("a DNS name");
  return std::nullopt;
}

/// A list of records, or what else a name server may say.
std::optional<std::optional<DnsReply>> as_dns_answer(const Value& value) {
  if (value.is_list()) {
    auto records = config::as_list(config::as_nonempty_string)(value);
    if (!records) return std::nullopt;
    return std::optional(DnsReply{"NOERROR", std::move(*records)});
  }
  const auto says = [](const char* rcode) { return std::optional(DnsReply{rcode, {}}); };
  const config::as_enum<std::optional<DnsReply>> word({{"nxdomain", says("NXDOMAIN")},
                                                       {"servfail", says("SERVFAIL")},
                                                       {"refused", says("REFUSED")},
                                                       {"nothing", std::nullopt}});
  return word(value);
}

std::optional<Happening> read_dns(MapReader& map, const std::string& /*folder*/) {
  DnsAnswers out;
  map.required("dns", out.lookup.name, as_dns_name);
  map.optional("type", out.lookup.type, playbook::as_record_type);
  map.optional("server", out.lookup.server, config::as_host_port);
  map.required("answers", out.reply, as_dns_answer);
  return out;
}

std::optional<PromSample> as_sample(const Value& value) {
  MapReader map(value, "a sample");
  PromSample out;
  map.optional("labels", out.labels, as_labels);
  const bool is_read = map.required("value", out.value, config::as_number());
  map.finish();
  return is_read ? std::optional(out) : std::nullopt;
}

std::optional<std::vector<PromSample>> as_samples(const Value& value) {
  if (value.is_list()) return config::as_list(as_sample)(value);
  if (value.is_scalar() && value.text() == "nothing") return std::vector<PromSample>{};
  const auto number = config::as_number()(value);
  if (!number) return std::nullopt;
  return std::vector<PromSample>{{{}, *number, std::nullopt}};
}

std::optional<Happening> read_promql(MapReader& map, const std::string& /*folder*/) {
  PromqlGives out;
  map.required("promql", out.query, config::as_nonempty_string);
  map.required("gives", out.samples, as_samples);
  return out;
}

std::optional<Happening> read_program(MapReader& map, const std::string& /*folder*/) {
  ProgramDoes out;
  std::int64_t code = 0;
  map.required("program", out.path, config::as_nonempty_string);
  map.optional("exits", code, config::as_integer(0, 255));
  map.optional("output", out.output, config::as_string);
  map.optional("takes", out.takes, config::as_duration);
  map.optional("restarts", out.restarts, config::as_nonempty_string);
  out.exit_code = static_cast<int>(code);
  return out;
}

/// A text, or a list of them.
std::optional<std::vector<std::string>> as_texts(const Value& value) {
  if (value.is_list()) return config::as_list(config::as_nonempty_string)(value);
  const auto text = config::as_nonempty_string(value);
  return text ? std::optional(std::vector<std::string>{*text}) : std::nullopt;
}

std::optional<Happening> read_exec(MapReader& map, const std::string& /*folder*/) {
  ExecDoes out;
  std::int64_t code = 0;
  map.required("exec", out.argv, as_texts);
  map.optional("container", out.container, config::as_nonempty_string);
  map.optional("exits", code, config::as_integer(0, 255));
  map.optional("output", out.output, config::as_string);
  out.exit_code = static_cast<int>(code);
  return out;
}

std::optional<Happening> read_haproxy(MapReader& map, const std::string& /*folder*/) {
  HaproxyListens out;
  map.required("haproxy", out.address, config::as_nonempty_string);
  map.required("servers", out.servers, config::as_list(config::as_nonempty_string));
  return out;
}

std::optional<Happening> read_clock(MapReader& map, const std::string& /*folder*/) {
  ClockSet out;
  map.required("clock", out.to, as_wall_time);
  return out;
}

std::optional<Happening> read_operator(MapReader& map, const std::string& /*folder*/) {
  using Verb = OperatorActs::Verb;
  OperatorActs out;
  map.required("operator", out.verb,
               config::as_enum<Verb>({{"approves", Verb::kApprove},
                                      {"rejects", Verb::kReject},
                                      {"cancels", Verb::kCancel},
                                      {"retries", Verb::kRetry}}));
  map.required("target", out.target, as_target);
  map.optional("by", out.by, config::as_nonempty_string);
  return out;
}

std::optional<Happening> read_heal(MapReader& map, const std::string& /*folder*/) {
  HealAsked out;
  map.required("heal", out.playbook, config::as_nonempty_string);
  map.required("target", out.target, as_target);
  map.optional("params", out.params, config::as_string_map);
  return out;
}

template <AlertChange::What kWhat>
std::optional<Happening> read_alert_as(MapReader& map, const std::string& /*folder*/) {
  constexpr std::array<std::string_view, 4> kKeys{"alert", "resolve", "silence", "forget"};
  return read_alert(map, kKeys[static_cast<std::size_t>(kWhat)], kWhat);
}

template <PauseChange::Becomes kBecomes>
std::optional<Happening> read_pause(MapReader& map, const std::string& /*folder*/) {
  PauseChange out;
  out.becomes = kBecomes;
  map.required(kBecomes == PauseChange::Becomes::kBegun ? "pause" : "resume", out.name, config::as_nonempty_string);
  return out;
}

std::optional<Happening> read_lever(MapReader& map, const std::string& /*folder*/) {
  using To = LeverMoved::To;
  LeverMoved out;
  map.required("lever", out.to, config::as_enum<To>({{"engaged", To::kEngaged}, {"released", To::kReleased}}));
  return out;
}

std::optional<Happening> read_engine(MapReader& map, const std::string& /*folder*/) {
  using Becomes = EngineChange::Becomes;
  EngineChange out;
  map.required("engine", out.engine, config::as_nonempty_string);
  map.required("becomes", out.becomes, config::as_enum<Becomes>({{"away", Becomes::kAway}, {"back", Becomes::kBack}}));
  return out;
}

struct Kind {
  std::string_view key;
  Read read;
  Allowed allowed;
};
using What = AlertChange::What;
/// In the order in which they are asked for: a program in a container may name it, a container its engine.
constexpr std::array<Kind, 20> kKinds{{
    {"alert", read_alert_as<What::kFires>, Allowed::kEverything},
    {"resolve", read_alert_as<What::kResolves>, Allowed::kEverything},
    {"silence", read_alert_as<What::kSilenced>, Allowed::kEverything},
    {"forget", read_alert_as<What::kForgotten>, Allowed::kEverything},
    {"payload", read_payload, Allowed::kEverything},
    {"exec", read_exec, Allowed::kAnswers},
    {"haproxy", read_haproxy, Allowed::kAnswers},
    {"container", read_container, Allowed::kEverything},
    {"http", read_http, Allowed::kAnswers},
    {"tcp", read_tcp, Allowed::kAnswers},
    {"dns", read_dns, Allowed::kAnswers},
    {"promql", read_promql, Allowed::kAnswers},
    {"program", read_program, Allowed::kAnswers},
    {"clock", read_clock, Allowed::kEverything},
    {"operator", read_operator, Allowed::kEverything},
    {"pause", read_pause<PauseChange::Becomes::kBegun>, Allowed::kEverything},
    {"resume", read_pause<PauseChange::Becomes::kEnded>, Allowed::kEverything},
    {"lever", read_lever, Allowed::kEverything},
    {"heal", read_heal, Allowed::kEverything},
    {"engine", read_engine, Allowed::kEverything},
}};

}  // namespace

std::optional<TargetId> as_target(const Value& value) {
  auto target = TargetId::parse(value.text());
  if (value.is_scalar() && target.has_value()) return std::move(*target);
  value.must_be("a target, as container/local/web");
  return std::nullopt;
}

std::optional<WallTime> as_wall_time(const Value& value) {
  const auto time = parse_rfc3339(value.text());
  if (value.is_scalar() && time.has_value() && *time) return **time;
  value.must_be("a time, as 2030-01-02T03:04:05Z");
  return std::nullopt;
}

std::optional<Labels> as_labels(const Value& value) {
  const auto map = config::as_string_map(value);
  return map ? std::optional<Labels>(Labels{map->begin(), map->end()}) : std::nullopt;
}

std::optional<Happening> read_happening(MapReader& map, Allowed allowed, const std::string& folder) {
  if (!map.is_map()) return std::nullopt;
  std::vector<std::string_view> keys;
  for (const Kind& kind : kKinds) {
    if (allowed == Allowed::kAnswers && kind.allowed != Allowed::kAnswers) continue;
    if (map.entry(kind.key) != nullptr) return kind.read(map, folder);
    keys.push_back(kind.key);
  }
  map.value().error("it does not say what happens", fmt::format("one of the keys {}", fmt::join(keys, ", ")));
  (void)map.rest();
  return std::nullopt;
}

}  // namespace heal::rehearsal
