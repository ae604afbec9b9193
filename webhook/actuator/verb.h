#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heal::actuator {

/// What a call of Docker's API does. Whatever is none of these is refused.
enum class Verb {
  kPing,
  kVersion,
  kList,
  kEvents,
  kInspect,
  kLogs,
  kStats,
  kWait,
  kStart,
  kStop,
  kRestart,
  kKill,
  kPause,
  kUnpause,
  kNetworkDisconnect,
  kNetworkConnect,
  kCreate,
  kRemove,
  kUpdate,
  kExec,         ///< prepares a program in a container
  kExecStart,    ///< runs one that was prepared here
  kExecInspect,  ///< asks how it ended
  kRename,
  kRecreate,  ///< creates a container like another one, to take its place
};

/// `restart`, `network_connect` …; also the label value of metrics.
std::string_view to_string(Verb verb);
const std::vector<Verb>& all_verbs();

/// True for what changes the world: capped in rate, and never done to a protected container.
bool is_action(Verb verb);

/// The verbs that a rule of the configuration may allow; the others come with `faults:`, or are always allowed.
const std::vector<Verb>& rule_verbs();

/// Why a call was refused, or failed. A closed set: it is in the audit line and a label of metrics.
enum class Reason {
  kAllowed,
  kMalformed,    ///< not a path of the API: tricks with dots, slashes or percent signs
  kUnknownCall,  ///< a path or method that is not on the list
  kQuery,        ///< a parameter that is not on the call's list, or a value out of its range
  kBody,         ///< a body where none belongs, or one with anything else in it than expected
  kUpgrade,      ///< wants to leave HTTP
  kNotAllowed,   ///< no rule allows this verb for this container
  kProtected,    ///< the container is a part of the monitoring
  kRate,         ///< too many of this verb on this container
  kTotalRate,    ///< too many actions at all
  kNoContainer,  ///< the engine knows no such container
  kBusy,         ///< too many streams
  kUnavailable,  ///< the engine could not be asked
};
std::string_view to_string(Reason reason);
const std::vector<Reason>& all_reasons();

/// A no, with words for whoever asked.
struct Refusal {
  Reason reason = Reason::kMalformed;
  std::string message;

  bool operator==(const Refusal&) const = default;
};

/// The HTTP status of a refusal.
int status_of(Reason reason);

}  // namespace heal::actuator
