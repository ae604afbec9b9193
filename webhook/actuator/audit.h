#pragma once

#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/httpd/message.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "webhook/actuator/verb.h"

namespace heal::actuator {

/// One call and what became of it.
struct Decision {
  std::optional<httpd::PeerCredentials> peer;
  std::optional<Verb> verb;  ///< nullopt when the request was none
  std::string container;     ///< its name; as asked for when the engine knows none
  std::string id;            ///< of the container that it went to; "" for none
  std::string rule;          ///< which rule allowed it
  Reason reason = Reason::kAllowed;
  std::string message;  ///< why not
  int status = 0;       ///< of the answer
  Duration took{};
};

/// Writes the audit line of each call and counts it. What only looks is a line of level debug when it was
/// allowed; actions and streams of events are info, and a refusal is warn. Thread-safe.
class Audit {
 public:
  Audit(const Logger& logger, Metrics& metrics);
  void record(const Decision& decision) const;

 private:
  const Logger logger_;
  const CounterFamily calls_;
  const CounterFamily refused_;
  const HistogramFamily seconds_;
};

}  // namespace heal::actuator
