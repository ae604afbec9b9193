#include "common/remedy/source/expiry_source.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr Duration kEvery = 1min;

}  // namespace

ExpirySource::ExpirySource(SourceTools tools, const playbook::SourcesConfig& config)
    : tools_(std::move(tools)), config_(config) {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

ExpirySource::~ExpirySource() {
  thread_.request_stop();
}

void ExpirySource::run(std::stop_token stop) {
  while (tools_.tools.clock.sleep_for(kEvery, stop) == Clock::Wake::kReached) {
    for (const auto& [source, after] : {std::pair(words::kGrafana, config_.grafana.expire),
                                        std::pair(words::kAzureMonitor, config_.azure_monitor_expire),
                                        std::pair(words::kEventBridge, config_.eventbridge_expire)}) {
      const Status status = expire(source, after);
      // What could not be taken in is still there in a minute.
      if (!status.has_value())
        tools_.logger.warn("cannot end what is too old", {{"source", source}, {"err", status.error()}});
    }
  }
}

Status ExpirySource::expire(std::string_view source, Duration after) {
  const WallTime now = tools_.tools.clock.now();
  std::vector<Episode> old;
  std::multimap<std::string, std::string> incidents;  // of an episode and its further ones, which end together
  HEAL_TRY_STATUS(tools_.store.each_unresolved(std::string(source), [&](const Episode& episode) {
    if (now - episode.received_at < after) return;
    incidents.emplace(episode.key.substr(0, episode.key.find('#')), episode.incident_id);
    if (episode.key.find('#') == std::string::npos) old.push_back(episode);
  }));
  EventBatch over;
  over.source = source;
  for (const Episode& episode : old) {
    const auto [first, last] = incidents.equal_range(episode.key);
    if (!std::all_of(first, last, [this](const auto& of) { return is_idle(of.second); })) continue;
    SourceEvent event = event_of(episode);
    event.kind = SourceEvent::Kind::kResolved;
    event.ends_at = now;
    event.end_reason = end_reasons::kExpired;
    event.end_message = fmt::format("{} said nothing more of {} for {}; whether it is over is not known", source,
                                    printable(episode.name), format_duration_short(after));
    over.events.push_back(std::move(event));
  }
  if (over.events.empty()) return {};
  HEAL_TRY_STATUS(ingest_and_wait(tools_, std::move(over)));
  return {};
}

bool ExpirySource::is_idle(const std::string& incident_id) const {
  if (incident_id.empty()) return true;
  const auto incident = tools_.store.incident(incident_id);
  if (!incident.has_value() || !*incident) return incident.has_value();
  return is_terminal((*incident)->state) || (*incident)->state == IncidentState::kHeld;
}

}  // namespace heal::remedy
