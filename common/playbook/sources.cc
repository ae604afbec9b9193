#include "common/playbook/sources.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/heal_config.h"
#include "common/playbook/plan.h"
#include "common/playbook/quotes.h"
#include "common/playbook/reading.h"
#include "common/playbook/windows.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

constexpr Duration kLeastEvery = 1s;
constexpr std::size_t kMostSchedules = 256;

DockerSourceConfig read_docker(const Value& value, const std::vector<std::string>& engines) {
  DockerSourceConfig out;
  MapReader map(value, "the source \"docker\"");
  map.required("engines", out.engines, config::as_list(as_identifier));
  map.optional("restart_grace", out.restart_grace, config::as_positive_duration);
  map.optional("deploy_grace", out.deploy_grace, config::as_positive_duration);
  map.optional("reconcile", out.reconcile, config::as_positive_duration);
  map.finish();
  std::set<std::string> seen;
  for (const auto& name : out.engines) {
    if (std::find(engines.begin(), engines.end(), name) == engines.end())
      map.find("engines")->error(fmt::format("there is no engine \"{}\" under \"engines\"", name),
                                 config::suggestion(name, engines));
    if (!seen.insert(name).second) map.find("engines")->error(fmt::format("the engine {} is given twice", name));
  }
  if (map.has("engines") && out.engines.empty()) map.find("engines")->error("expected at least one engine");
  return out;
}

AbsenceConfig read_absence(const Value& value) {
  AbsenceConfig out;
  if (value.is_scalar() && value.text() == "off") {
    out.state = AbsenceConfig::State::kOff;
    return out;
  }
  MapReader map(value, "\"absence\"");
  map.optional("every", out.every, config::as_positive_duration);
  std::int64_t polls = out.polls;
  map.optional("polls", polls, config::as_integer(1, 100));
  out.polls = static_cast<std::uint32_t>(polls);
  map.optional("resend_interval", out.resend_interval, config::as_positive_duration);
  map.finish();
  return out;
}

GrafanaSourceConfig read_grafana(const Value& value) {
  using NoData = GrafanaSourceConfig::NoData;
  GrafanaSourceConfig out;
  MapReader map(value, "the source \"grafana\"");
  map.optional("no_data", out.no_data, config::as_enum<NoData>({{"ignore", NoData::kIgnore}, {"take", NoData::kTake}}));
  map.optional("expire", out.expire, config::as_positive_duration);
  map.finish();
  return out;
}

std::optional<std::string> as_topic(const Value& value) {
  auto topic = config::as_nonempty_string(value);
  if (!topic) return std::nullopt;
  if (topic->starts_with("arn:") && std::count(topic->begin(), topic->end(), ':') == 5) return topic;
  value.error(fmt::format("\"{}\" is not the ARN of a topic", printable(*topic, 80)),
              "for example: arn:aws:sns:eu-central-1:123456789012:heal");
  return std::nullopt;
}

SnsSourceConfig read_sns(const Value& value, std::vector<NamedFile>& files) {
  using Signature = SnsSourceConfig::Signature;
  SnsSourceConfig out;
  MapReader map(value, "the source \"sns\"");
  map.required("topics", out.topics, config::as_list(as_topic));
  map.optional("signature", out.signature,
               config::as_enum<Signature>(
                   {{"sha256", Signature::kSha256}, {"sha1", Signature::kSha1}, {"off", Signature::kOff}}));
  const auto as_file = [&files](const Value& item) {
    auto name = config::as_nonempty_string(item);
    if (name) files.push_back({"certificate_files", *name, NamedFile::Content::kCertificates, item.span()});
    return name;
  };
  map.optional("certificate_files", out.certificate_files, config::as_list(as_file));
  map.finish();
  if (map.has("topics") && out.topics.empty()) map.find("topics")->error("expected at least one topic");
  return out;
}

void read_expire(MapReader& sources, const std::string& name, Duration& expire) {
  const auto value = sources.find(name);
  if (!value) return;
  MapReader map(*value, fmt::format("the source \"{}\"", name));
  map.optional("expire", expire, config::as_positive_duration);
  map.finish();
}

std::optional<CronSchedule> as_cron(const Value& value) {
  const auto text = config::as_nonempty_string(value);
  if (!text) return std::nullopt;
  auto cron = CronSchedule::parse(*text);
  if (!cron) {
    value.error(fmt::format("\"cron\": {}", cron.error().message()));
    return std::nullopt;
  }
  if (!cron->next_after(WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)), TimeZone())) {
    value.error("\"cron\": this day never comes");
    return std::nullopt;
  }
  return *cron;
}

std::optional<TargetId> as_schedule_target(const Value& value) {
  const auto text = config::as_nonempty_string(value);
  if (!text) return std::nullopt;
  auto target = TargetId::parse(*text);
  if (target) return *target;
  value.error(target.error().message());
  return std::nullopt;
}

void read_when(MapReader& map, Schedule& out) {
  map.optional("every", out.every, config::as_positive_duration);
  map.optional("cron", out.cron, as_cron);
  const bool has_zone = map.optional("zone", out.zone, as_time_zone);
  if (!map.is_map()) return;
  const bool has_every = map.has("every"), has_cron = map.has("cron");
  if (has_every == has_cron)
    map.value().error(has_every ? "a schedule has \"every\" or \"cron\", not both"
                                : "a schedule needs \"every\" or \"cron\"");
  if (out.every && *out.every < kLeastEvery) map.find("every")->error("\"every\" must be at least 1s");
  if (has_zone && !has_cron) map.find("zone")->error("\"zone\" is of use to \"cron\" alone");
}

std::optional<Schedule> read_schedule(const Value& value) {
  Schedule out;
  out.span = value.span();
  const References target{{"target"}, nullptr, nullptr};
  MapReader map(value, "a schedule");
  map.required("name", out.name, as_identifier);
  read_when(map, out);
  if (const auto check = map.find_required("check")) {
    if (auto spec = read_check(*check, target, AllowFailing::kNo)) out.check = std::move(*spec);
    if (out.check.check.kind == Check::Kind::kAlert) check->error("a schedule has no alert of its own to ask about");
  }
  map.optional("heals_when", out.heals_when,
               config::as_enum<Schedule::HealsWhen>(
                   {{"failing", Schedule::HealsWhen::kFailing}, {"passing", Schedule::HealsWhen::kPassing}}));
  std::int64_t failures = out.failures;
  map.optional("failures", failures, config::as_integer(1, 100));
  out.failures = static_cast<std::uint32_t>(failures);
  map.optional("timeout", out.timeout, config::as_positive_duration);
  if (const auto name = map.find_required("playbook")) {
    out.playbook = as_identifier(*name).value_or("");
    out.playbook_span = name->span();
  }
  map.required("target", out.target, as_schedule_target);
  map.optional("params", out.params, config::as_string_map);
  map.finish();
  return map.is_map() ? std::optional(out) : std::nullopt;
}

std::string print_check(const Check& check, const CheckSpec& spec) {
  const auto address = in_quotes(spec.address.text());
  std::string of;
  if (!spec.of_target.text().empty()) of = ", target: " + in_quotes(spec.of_target.text());
  switch (check.kind) {
    case Check::Kind::kHealth:
      return fmt::format("{{check: health{}}}", of);
    case Check::Kind::kTcp:
      return fmt::format("{{check: tcp, address: {}}}", address);
    case Check::Kind::kContainer:
      return fmt::format("{{container: {}{}}}", check.state, of);
    case Check::Kind::kAlert:
      return "{alert: resolved}";
    case Check::Kind::kDns: {
      auto out = fmt::format("{{check: dns, name: {}, type: {}", address, check.record_type);
      if (!spec.server.text().empty()) out += ", server: " + in_quotes(spec.server.text());
      if (check.answer) out += ", answer: " + in_quotes(check.answer->pattern());
      return out + "}";
    }
    case Check::Kind::kPromql: {
      constexpr const char* kWords[] = {"is", "is_not", "gt", "ge", "lt", "le"};
      return fmt::format("{{check: promql, query: {}, {}: {}}}", address,
                         kWords[static_cast<std::size_t>(check.comparison)], check.bound);
    }
    case Check::Kind::kHttp:
      break;
  }
  std::string out = fmt::format("{{check: http, url: {}", address);
  if (!check.status.empty()) out += fmt::format(", status: [{}]", fmt::join(check.status, ", "));
  if (check.body) out += ", body: " + in_quotes(check.body->pattern());
  return out + "}";
}

/// Of the sources that only tell.
std::string print_told(const SourcesConfig& sources) {
  const bool ignores = sources.grafana.no_data == GrafanaSourceConfig::NoData::kIgnore;
  std::string out = fmt::format(
      "  grafana: {{no_data: {}, expire: {}}}\n  azure_monitor: {{expire: {}}}\n  eventbridge: {{expire: {}}}\n",
      ignores ? "ignore" : "take", format_duration(sources.grafana.expire),
      format_duration(sources.azure_monitor_expire), format_duration(sources.eventbridge_expire));
  if (!sources.sns) return out;
  constexpr const char* kSignatures[] = {"sha256", "sha1", "off"};
  return out + fmt::format("  sns: {{topics: {}, signature: {}, certificate_files: {}}}\n",
                           list_in_quotes(sources.sns->topics),
                           kSignatures[static_cast<std::size_t>(sources.sns->signature)],
                           list_in_quotes(sources.sns->certificate_files));
}

}  // namespace

SourcesConfig read_sources(const Value& value, const std::vector<std::string>& engines, std::vector<NamedFile>& files) {
  SourcesConfig out;
  MapReader map(value, "\"sources\"");
  if (const auto docker = map.find("docker")) out.docker = read_docker(*docker, engines);
  if (const auto alertmanager = map.find("alertmanager")) {
    MapReader settings(*alertmanager, "the source \"alertmanager\"");
    if (const auto absence = settings.find("absence")) out.absence = read_absence(*absence);
    settings.finish();
  }
  if (const auto grafana = map.find("grafana")) out.grafana = read_grafana(*grafana);
  if (const auto sns = map.find("sns")) out.sns = read_sns(*sns, files);
  read_expire(map, "azure_monitor", out.azure_monitor_expire);
  read_expire(map, "eventbridge", out.eventbridge_expire);
  map.finish();
  return out;
}

std::vector<Schedule> read_schedules(const Value& value) {
  auto out = config::as_list(read_schedule)(value).value_or(std::vector<Schedule>());
  std::set<std::string> seen;
  for (const auto& schedule : out) {
    if (!seen.insert(schedule.name).second) value.error(fmt::format("the schedule {} is given twice", schedule.name));
  }
  if (out.size() > kMostSchedules) value.error(fmt::format("at most {} schedules", kMostSchedules));
  return out;
}

std::string print_sources(const SourcesConfig& sources) {
  std::string out = "sources:\n" + print_told(sources);
  if (sources.docker) {
    const auto& docker = *sources.docker;
    out += fmt::format("  docker: {{engines: [{}], restart_grace: {}, deploy_grace: {}, reconcile: {}}}\n",
                       fmt::join(docker.engines, ", "), format_duration(docker.restart_grace),
                       format_duration(docker.deploy_grace), format_duration(docker.reconcile));
  }
  const auto& absence = sources.absence;
  if (absence.state == AbsenceConfig::State::kOff) return out + "  alertmanager: {absence: off}\n";
  return out + fmt::format("  alertmanager: {{absence: {{every: {}, polls: {}, resend_interval: {}}}}}\n",
                           format_duration(absence.every), absence.polls, format_duration(absence.resend_interval));
}

std::string print_schedules(const std::vector<Schedule>& schedules) {
  std::string out = schedules.empty() ? "schedules: []\n" : "schedules:\n";
  for (const auto& schedule : schedules) {
    out += fmt::format("  - name: {}\n", schedule.name);
    out += schedule.every ? fmt::format("    every: {}\n", format_duration(*schedule.every))
                          : fmt::format("    cron: {}\n    zone: {}\n", in_quotes(schedule.cron->text()),
                                        in_quotes(schedule.zone.name()));
    out += fmt::format("    check: {}\n", print_check(schedule.check.check, schedule.check));
    out += fmt::format("    heals_when: {}\n    failures: {}\n    timeout: {}\n",
                       schedule.heals_when == Schedule::HealsWhen::kFailing ? "failing" : "passing", schedule.failures,
                       format_duration(schedule.timeout));
    out += fmt::format("    playbook: {}\n    target: {}\n    params: {{", schedule.playbook, schedule.target.str());
    std::string params;
    for (const auto& [name, text] : schedule.params)
      params += fmt::format("{}{}: {}", params.empty() ? "" : ", ", in_quotes(name), in_quotes(text));
    out += params + "}\n";
  }
  return out;
}

Result<Check> plan_schedule_check(const HealConfig& config, const Schedule& schedule, const InventoryTarget& target) {
  // A playbook that does nothing but ask it, so that all rules of checks hold here too.
  Playbook asks;
  asks.name = schedule.playbook;
  asks.before = {schedule.check};
  PlanInput input;
  input.target = target;
  HEAL_TRY(auto plan, make_plan(config, asks, input));
  return std::move(plan.before.front());
}

}  // namespace heal::playbook
