#include "webhook/actuator/audit.h"

#include <string_view>
#include <vector>

#include "common/base/text.h"

namespace heal::actuator {
namespace {

constexpr int kFirstError = 400;

std::vector<std::string> verb_names() {
  std::vector<std::string> names{"none"};
  for (const Verb verb : all_verbs())
    names.emplace_back(to_string(verb));
  return names;
}

std::vector<std::string> refusal_names() {
  std::vector<std::string> names;
  for (const Reason reason : all_reasons()) {
    if (reason != Reason::kAllowed) names.emplace_back(to_string(reason));
  }
  return names;
}

/// Asked all the time by who watches, and changes nothing. A stream of events is opened once.
bool is_plain_look(Verb verb) {
  return !is_action(verb) && verb != Verb::kEvents;
}

LogLevel level_of(const Decision& decision) {
  if (decision.reason == Reason::kNoContainer) return LogLevel::kInfo;
  if (decision.reason != Reason::kAllowed) return LogLevel::kWarn;
  return decision.verb && is_plain_look(*decision.verb) ? LogLevel::kDebug : LogLevel::kInfo;
}

}  // namespace

Audit::Audit(const Logger& logger, Metrics& metrics)
    : logger_(logger.component("audit")),
      calls_(metrics.counters("heal_actuator_calls_total", "Calls of the engine's API, by what became of them.",
                              {{"verb", verb_names()}, {"outcome", {"done", "failed", "refused"}}})),
      refused_(metrics.counters("heal_actuator_refused_total", "Calls that were not passed on, by reason.",
                                {{"reason", refusal_names()}})),
      seconds_(metrics.histograms("heal_actuator_call_duration_seconds", "From the request to the engine's answer.",
                                  {{"verb", verb_names()}})) {}

void Audit::record(const Decision& decision) const {
  const std::string verb(decision.verb ? to_string(*decision.verb) : "none");
  const bool is_allowed = decision.reason == Reason::kAllowed;
  const std::string outcome = !is_allowed ? "refused" : (decision.status >= kFirstError ? "failed" : "done");
  calls_.at({verb, outcome}).increment();
  if (!is_allowed) refused_.at({std::string(to_string(decision.reason))}).increment();
  seconds_.at({verb}).observe(decision.took);
  const auto peer = decision.peer.value_or(httpd::PeerCredentials{});
  logger_.log(level_of(decision), "docker call",
              {{"uid", decision.peer ? LogValue(peer.uid) : LogValue("unknown")},
               {"pid", decision.peer ? LogValue(peer.pid) : LogValue("unknown")},
               {"verb", verb},
               {"container", printable(decision.container)},
               {"id", decision.id.substr(0, 12)},
               {"decision", is_allowed ? "allowed" : "refused"},
               {"rule", decision.rule},
               {"reason", to_string(decision.reason)},
               {"status", decision.status},
               {"duration_seconds", decision.took},
               {"err", decision.message}});
}

}  // namespace heal::actuator
