#include "webhook/actuator/verb.h"

#include <array>
#include <utility>

namespace heal::actuator {
namespace {

constexpr std::array<std::pair<Verb, std::string_view>, 24> kVerbs{{
    {Verb::kPing, "ping"},
    {Verb::kVersion, "version"},
    {Verb::kList, "list"},
    {Verb::kEvents, "events"},
    {Verb::kInspect, "inspect"},
    {Verb::kLogs, "logs"},
    {Verb::kStats, "stats"},
    {Verb::kWait, "wait"},
    {Verb::kStart, "start"},
    {Verb::kStop, "stop"},
    {Verb::kRestart, "restart"},
    {Verb::kKill, "kill"},
    {Verb::kPause, "pause"},
    {Verb::kUnpause, "unpause"},
    {Verb::kNetworkDisconnect, "network_disconnect"},
    {Verb::kNetworkConnect, "network_connect"},
    {Verb::kCreate, "create"},
    {Verb::kRemove, "remove"},
    {Verb::kUpdate, "update"},
    {Verb::kExec, "exec"},
    {Verb::kExecStart, "exec_start"},
    {Verb::kExecInspect, "exec_inspect"},
    {Verb::kRename, "rename"},
    {Verb::kRecreate, "recreate"},
}};

struct ReasonWords {
  Reason reason;
  std::string_view name;
  int status;
};

constexpr std::array<ReasonWords, 13> kReasons{{
    {Reason::kAllowed, "allowed", 200},
    {Reason::kMalformed, "malformed", 400},
    {Reason::kUnknownCall, "unknown_call", 403},
    {Reason::kQuery, "query", 403},
    {Reason::kBody, "body", 403},
    {Reason::kUpgrade, "upgrade", 403},
    {Reason::kNotAllowed, "not_allowed", 403},
    {Reason::kProtected, "protected", 403},
    {Reason::kRate, "rate", 429},
    {Reason::kTotalRate, "total_rate", 429},
    {Reason::kNoContainer, "no_container", 404},
    {Reason::kBusy, "busy", 503},
    {Reason::kUnavailable, "unavailable", 502},
}};

const ReasonWords& words_of(Reason reason) {
  for (const auto& words : kReasons) {
    if (words.reason == reason) return words;
  }
  return kReasons[1];
}

}  // namespace

std::string_view to_string(Verb verb) {
  for (const auto& [each, name] : kVerbs) {
    if (each == verb) return name;
  }
  return "ping";
}

const std::vector<Verb>& all_verbs() {
  static const auto kAll = [] {
    std::vector<Verb> verbs;
    for (const auto& [verb, name] : kVerbs)
      verbs.push_back(verb);
    return verbs;
  }();
  return kAll;
}

bool is_action(Verb verb) {
  switch (verb) {
    case Verb::kPing:
    case Verb::kVersion:
    case Verb::kList:
    case Verb::kEvents:
    case Verb::kInspect:
    case Verb::kLogs:
    case Verb::kStats:
    case Verb::kWait:
    case Verb::kExecInspect:
      return false;
    default:
      return true;
  }
}

const std::vector<Verb>& rule_verbs() {
  static const std::vector<Verb> kVerbsOfRules{Verb::kList,    Verb::kEvents, Verb::kInspect, Verb::kLogs,
                                               Verb::kStats,   Verb::kWait,   Verb::kStart,   Verb::kStop,
                                               Verb::kRestart, Verb::kKill,   Verb::kPause,   Verb::kUnpause,
                                               Verb::kUpdate,  Verb::kExec,   Verb::kRecreate};
  return kVerbsOfRules;
}

std::string_view to_string(Reason reason) {
  return words_of(reason).name;
}

const std::vector<Reason>& all_reasons() {
  static const auto kAll = [] {
    std::vector<Reason> reasons;
    for (const auto& words : kReasons)
      reasons.push_back(words.reason);
    return reasons;
  }();
  return kAll;
}

int status_of(Reason reason) {
  return words_of(reason).status;
}

}  // namespace heal::actuator
