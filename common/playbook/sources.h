#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/source_span.h"
#include "common/config/decode.h"
#include "common/model/cron.h"
#include "common/model/target.h"
#include "common/playbook/check.h"

namespace heal::playbook {

struct NamedFile;

/// Docker's own events as a source.
struct DockerSourceConfig {
  std::vector<std::string> engines;  ///< names of `engines:`
  /// How long a container that Docker's restart policy brought back must run before that counts as healed.
  Duration restart_grace = 10s;
  /// How long one that was created may take to be started: it may wait for others, as with Compose's depends_on.
  Duration deploy_grace = 5min;
  Duration reconcile = 30s;  ///< how often all containers are looked at, for what the stream of events missed
  bool operator==(const DockerSourceConfig&) const = default;
};

/// When an alert that Alertmanager does not hold any more counts as resolved.
struct AbsenceConfig {
  enum class State { kOn, kOff } state = State::kOn;
  Duration every = 30s;
  std::uint32_t polls = 3;          ///< in a row
  Duration resend_interval = 1min;  ///< of Prometheus; an Alertmanager must be up for two of them
  bool operator==(const AbsenceConfig&) const = default;
};

/// Grafana's notifications.
struct GrafanaSourceConfig {
  /// What becomes of DatasourceNoData and DatasourceError: they say that Grafana could not find out.
  enum class NoData { kIgnore, kTake } no_data = NoData::kIgnore;
  Duration expire = 24h;  ///< as azure_monitor_expire
  bool operator==(const GrafanaSourceConfig&) const = default;
};

/// Messages of Amazon SNS.
struct SnsSourceConfig {
  /// What a message must be signed with: SHA-256 (SignatureVersion 2), or SHA-1 too (version 1), or nothing.
  enum class Signature { kSha256, kSha1, kOff };
  std::vector<std::string> topics;  ///< ARNs; what comes from another topic is refused
  Signature signature = Signature::kSha256;
  /// SNS's signing certificates, PEM, relative to heal.yml's folder; empty: fetched from AWS by each message's URL.
  std::vector<std::string> certificate_files;
  bool operator==(const SnsSourceConfig&) const = default;
};

struct SourcesConfig {
  std::optional<DockerSourceConfig> docker;
  AbsenceConfig absence;
  GrafanaSourceConfig grafana;
  std::optional<SnsSourceConfig> sns;  ///< absent: SNS's messages are refused
  /// After so long without a word that it is over, an event that nothing is being done about is.
  Duration azure_monitor_expire = 24h, eventbridge_expire = 1h;
  bool operator==(const SourcesConfig&) const = default;
};

/// A check that is asked again and again and heals when it fails: one entry of `schedules:`.
struct Schedule {
  enum class HealsWhen { kFailing, kPassing };
  std::string name;
  std::optional<Duration> every;  ///< this or cron
  std::optional<CronSchedule> cron;
  TimeZone zone;    ///< of cron
  CheckSpec check;  ///< over target.*
  HealsWhen heals_when = HealsWhen::kFailing;
  std::uint32_t failures = 1;  ///< in a row that make it a trouble
  Duration timeout = 5s;       ///< of one check
  std::string playbook;
  TargetId target;
  std::map<std::string, std::string, std::less<>> params;
  SourceSpan span, playbook_span;
  bool operator==(const Schedule&) const = default;
};

/// Reads `sources:`; `engines` are the names that exist, and `files` takes those that it names.
SourcesConfig read_sources(const config::Value& value, const std::vector<std::string>& engines,
                           std::vector<NamedFile>& files);
/// Reads `schedules:`.
std::vector<Schedule> read_schedules(const config::Value& value);

/// Both as YAML that can be read again.
std::string print_sources(const SourcesConfig& sources);
std::string print_schedules(const std::vector<Schedule>& schedules);

struct HealConfig;
struct InventoryTarget;
/// A schedule's check, ready to be asked: its places filled in from `target`, the inventory's health check looked up.
/// Errors as make_plan's.
Result<Check> plan_schedule_check(const HealConfig& config, const Schedule& schedule, const InventoryTarget& target);

}  // namespace heal::playbook
