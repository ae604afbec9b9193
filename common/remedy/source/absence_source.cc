#include "common/remedy/source/absence_source.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/check.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr Duration kLookTime = 10s;

/// Labels of all alerts that some Alertmanager holds, silenced and inhibited ones included.
Result<std::set<Labels>> all_held(const World& world, Clock& clock, std::stop_token stop) {
  HEAL_TRY_STATUS(are_up_for_long(world, clock, clock.deadline_in(kLookTime), stop));
  std::set<Labels> held;
  for (const auto& alertmanager : world.alertmanagers) {
    HEAL_TRY(auto alerts, alertmanager->alerts(clock.deadline_in(kLookTime), stop));
    for (auto& alert : alerts)
      held.insert(std::move(alert.alert.labels));
  }
  return held;
}

/// `am:…#2` belongs to the same alert as `am:…`, and ends with it.
bool is_further(const std::string& key) {
  return key.find('#') != std::string::npos;
}

}  // namespace

AbsenceSource::AbsenceSource(SourceTools tools, const playbook::AbsenceConfig& config)
    : tools_(std::move(tools)), config_(config) {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

AbsenceSource::~AbsenceSource() {
  thread_.request_stop();
}

void AbsenceSource::run(std::stop_token stop) {
  while (tools_.tools.clock.sleep_for(config_.every, stop) == Clock::Wake::kReached) {
    const Status status = poll(stop);
    if (stop.stop_requested()) return;
    if (!status.has_value() && !was_blind_)
      tools_.logger.warn("cannot tell which alerts are gone", {{"err", status.error()}});
    was_blind_ = !status.has_value();
  }
}

Status AbsenceSource::poll(std::stop_token stop) {
  // Read before Alertmanager is asked: what it tells is then newer than what we know.
  HEAL_TRY(const auto refs, tools_.store.unresolved_refs());
  std::unordered_set<std::string> known;
  for (const EpisodeRef& ref : refs) {
    if (ref.source == words::kAlertmanager && !is_further(ref.key)) known.insert(ref.key);
  }
  const auto world = tools_.world.get();
  if (known.empty() || world->alertmanagers.empty()) {
    absent_.clear();
    return {};
  }
  HEAL_TRY(const auto held, all_held(*world, tools_.tools.clock, std::move(stop)));
  std::map<std::string, std::uint32_t> absent;
  EventBatch over;
  over.source = words::kAlertmanager;
  const auto look_at = [&](const Episode& episode) {
    if (!known.contains(episode.key) || held.contains(episode.labels)) return;
    const std::uint32_t polls = absent_[episode.key] + 1;
    absent[episode.key] = polls;
    if (polls < config_.polls) return;
    SourceEvent event = event_of(episode);
    event.kind = SourceEvent::Kind::kResolved;
    event.ends_at = tools_.tools.clock.now();
    event.end_reason = "absent";
    event.end_message = fmt::format("Alertmanager has not held alert {} in {} polls; no resolved message came",
                                    printable(episode.name), polls);
    over.events.push_back(std::move(event));
  };
  HEAL_TRY_STATUS(tools_.store.each_unresolved(std::string(words::kAlertmanager), look_at));
  absent_ = std::move(absent);
  if (over.events.empty()) return {};
  // What could not be taken in is still unresolved and absent at the next poll.
  HEAL_TRY_STATUS(ingest_and_wait(tools_, std::move(over)));
  return {};
}

}  // namespace heal::remedy
