#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/decode.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"
#include "common/model/matcher.h"
#include "common/model/target.h"
#include "common/playbook/check.h"
#include "common/playbook/guards.h"
#include "common/playbook/notify.h"
#include "common/playbook/safety.h"
#include "common/playbook/sources.h"
#include "common/playbook/text_template.h"
#include "common/playbook/windows.h"

namespace heal::playbook {

/// A container engine: on a unix socket, or on TCP.
struct EngineConfig {
  std::string unix_socket = "/var/run/docker.sock";
  std::string tcp;        ///< `host:port`; "" for the socket
  std::string ca_file;    ///< PEM, against which the engine's certificate is checked; "" for the system's bundle
  std::string cert_file;  ///< PEM, our certificate and its key; "" for plain TCP
  std::string key_file;
  bool insecure = false;  ///< plain TCP to another machine was asked for
  bool operator==(const EngineConfig&) const = default;
};

/// An HTTP API of somebody else.
struct HttpEndpoint {
  std::string url;  ///< without a slash at the end
  struct BasicAuth {
    std::string username;
    config::Secret password;
    bool operator==(const BasicAuth&) const = default;
  };
  std::optional<BasicAuth> basic_auth;
  std::string ca_file;  ///< "" for the system's bundle
  bool insecure_skip_verify = false;
  bool operator==(const HttpEndpoint&) const = default;
};

/// Whether faults may be injected into a target.
enum class Simulate { kRefuse, kAllow };

/// One thing that may be healed, and what the operator says about it. Nothing else is ever acted on.
struct InventoryTarget {
  TargetId id;
  std::string group;  ///< "" for none
  Labels labels;      ///< what `target.labels.…` gives; holds `group` too when there is one
  std::optional<HealthCheck> health;
  Simulate simulate = Simulate::kRefuse;
  bool operator==(const InventoryTarget&) const = default;
};

enum class ContainerLabels { kUse, kIgnore };

struct Inventory {
  ContainerLabels container_labels = ContainerLabels::kUse;  ///< containers with heal.enable=true belong to it
  std::vector<InventoryTarget> targets;
  bool operator==(const Inventory&) const = default;
};

/// What steps may run and talk to.
struct AllowLists {
  std::vector<std::string> commands;  ///< absolute paths of programs
  std::vector<std::string> hosts;     ///< `host` (any port) or `host:port`, lower case
  std::vector<std::string> exec;      ///< absolute paths of programs inside of containers
  std::vector<std::string> ansible;   ///< absolute paths of Ansible's playbooks
  std::vector<std::string> haproxy;   ///< runtime sockets: `unix:/path` or `host:port`
  std::vector<std::string> host;      ///< what may be done to this machine: drop_caches
  bool operator==(const AllowLists&) const = default;
};

struct FaultSettings {
  bool enabled = false;
  Duration max_ttl = 10min;
  std::string helper_image;  ///< for faults that need a helper container; "" when there is none
  bool operator==(const FaultSettings&) const = default;
};

struct RetentionSettings {
  std::optional<Duration> incidents;  ///< how long those that are over are kept; absent: for good
  bool operator==(const RetentionSettings&) const = default;
};

enum class Role { kIngest, kView, kOperate, kApprove };
std::string_view to_string(Role role);

/// One entry of `routes:`: the first that matches decides, and `continue` lets the next ones be asked too.
struct Route {
  enum class Next { kStop, kContinue };
  std::vector<Matcher> match;       ///< all must match; empty only when written as `match: []`
  std::vector<TimeWindow> windows;  ///< it takes events only while one of them is open; empty: always
  std::string playbook;
  Template target;                         ///< over labels.*; empty: the target that the event knows itself
  std::map<std::string, Template> params;  ///< over labels.* and annotations.*
  Next next = Next::kStop;
  SourceSpan span;
  SourceSpan playbook_span;                       ///< where the playbook is named
  SourceSpan target_span;                         ///< where the target is given
  std::map<std::string, SourceSpan> param_spans;  ///< of the keys under `params`
  bool operator==(const Route&) const = default;
};

/// A file that heal.yml names and the service needs: a secret or a certificate.
struct NamedFile {
  enum class Content { kSecret, kCertificates };
  std::string key;   ///< password_file, ca_file
  std::string name;  ///< as written: relative names are relative to heal.yml's folder
  Content content = Content::kSecret;
  SourceSpan span;  ///< of the name
  bool operator==(const NamedFile&) const = default;
};

/// heal.yml, checked. Immutable after reading; every default is an initialiser here.
struct HealConfig {
  std::map<std::string, EngineConfig, std::less<>> engines;  ///< name → engine; none: no container can be healed
  std::optional<HttpEndpoint> prometheus;
  std::vector<HttpEndpoint> alertmanagers;
  std::vector<std::string> playbooks{"playbooks/*.yml"};  ///< files, folders, globs, relative to heal.yml
  Inventory inventory;
  AllowLists allow;
  GuardSettings guards;   ///< `defaults.guards`
  SafetySettings safety;  ///< `lever`, `storm`
  std::vector<Route> routes;
  SourcesConfig sources;
  std::vector<Schedule> schedules;
  std::uint32_t workers = 4;  ///< heals that may run at the same time
  RetentionSettings retention;
  FaultSettings faults;
  NotifySettings notify;
  std::map<std::string, std::vector<Role>, std::less<>> users;  ///< name (of web.config.yml) → roles
  std::string file;                                             ///< where it was read; relative names start there
  std::vector<NamedFile> named_files;                           ///< all that stand above; not read when parsing
  SourceSpan playbooks_span;                                    ///< of the value of `playbooks`

  bool operator==(const HealConfig&) const = default;
};

/// Reads the text of heal.yml. nullopt when there was an error.
std::optional<HealConfig> parse_heal_config(const std::string& text, const std::string& file,
                                            config::Diagnostics& diagnostics);

/// The effective configuration with every default, as YAML that can be read again; secrets are shown as `<secret>`.
std::string print_config(const HealConfig& config);

/// What heal.yml's `inventory.targets` says about a target; nullptr when it is not there.
const InventoryTarget* find_target(const HealConfig& config, const TargetId& id);

/// Merges what a container's own labels say (heal.enable, heal.health, heal.group, heal.simulate) with heal.yml, which
/// wins. kRefused with the reason when the container is in neither; kInvalid for a heal.* label that cannot be used.
Result<InventoryTarget> inventory_of_container(const HealConfig& config, const TargetId& id,
                                               const Labels& container_labels);

/// The same for a target that is not a container.
Result<InventoryTarget> inventory_of(const HealConfig& config, const TargetId& id);

}  // namespace heal::playbook
