#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/model/labels.h"
#include "common/model/target.h"

namespace heal {

/// What a source knows of a trouble beyond labels.
struct EventFacts {
  std::string type;  ///< of the incident (CONTAINER_CRASH, TASK_STOPPED, …); "" when the source cannot tell
  std::optional<std::int64_t> exit_code;
  std::string reason;                 ///< why it failed, one line; "" when unknown
  std::string container_id;           ///< the container that it is about; "" when unknown
  std::optional<WallTime> failed_at;  ///< when the fault happened, if the source saw it happen

  bool operator==(const EventFacts&) const = default;
};

/// Trouble that began or ended, whoever saw it. Every source makes these, and nothing behind the intake asks which one
/// it was, except to ask the same source again whether it is still true.
struct SourceEvent {
  enum class Kind {
    kFiring,    ///< the trouble is there
    kResolved,  ///< it is over
    kOver,      ///< it began and ended by itself before anybody could act: to be recorded, never acted on
  };
  Kind kind = Kind::kFiring;
  std::string source;  ///< alertmanager, docker, schedule, manual
  std::string key;     ///< of the episode; unique for ever: repeats and redeliveries keep it
  std::string name;    ///< what it is called: the alertname or what stands for it
  Labels labels;       ///< what routes match and templates see
  Labels annotations;
  WallTime starts_at{};
  std::optional<WallTime> ends_at;  ///< kResolved and kOver; absent: when it arrived
  /// kResolved and kOver: why it is over, one word of a closed set (alert_resolved, absent, container_running, …), and
  /// the same for people.
  std::string end_reason, end_message;

  std::optional<TargetId> target;                          ///< when the source knows it; otherwise a route names it
  std::string playbook;                                    ///< given by schedules and people: then no route is asked
  std::map<std::string, std::string, std::less<>> params;  ///< for that playbook
  std::string requested_by;                                ///< the person who asked; "" for all others
  EventFacts facts;

  std::string generator_url;
  std::string alertmanager_url;  ///< externalURL of the Alertmanager that sent it; "" for other sources

  bool operator==(const SourceEvent&) const = default;
};

/// Events that arrived together: they become durable together or not at all.
struct EventBatch {
  std::string source;
  std::string receiver;                ///< Alertmanager's name for us; "" for other sources
  std::string group_key;               ///< of the group that a notification is of; "" for other sources
  std::uint64_t truncated_alerts = 0;  ///< alerts that the sender left out
  std::vector<SourceEvent> events;
  std::string sender{};  ///< of a notification, where twins can be told apart by it; "" else

  bool operator==(const EventBatch&) const = default;
};

}  // namespace heal
