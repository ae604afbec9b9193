#include "common/remedy/received.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"
#include "common/wire/json_text.h"

namespace heal::remedy {
namespace {

Episode bare_episode(const SourceEvent& event, WallTime received_at) {
  Episode episode;
  episode.source = event.source;
  episode.starts_at = event.starts_at;
  episode.received_at = received_at;
  episode.alertmanager_url = event.alertmanager_url;
  return episode;
}

}  // namespace

bool is_manual(const SourceEvent& event) {
  return event.source == words::kManual;
}

Episode make_episode(const SourceEvent& event, WallTime received_at) {
  Episode episode = bare_episode(event, received_at);
  episode.key = event.key;
  episode.name = event.name;
  episode.labels = event.labels;
  episode.annotations = event.annotations;
  episode.generator_url = event.generator_url;
  return episode;
}

Episode use_up(SourceEvent& event, WallTime received_at) {
  Episode episode = bare_episode(event, received_at);
  episode.key = event.key;
  episode.name = std::move(event.name);
  episode.labels = std::move(event.labels);
  episode.annotations = std::move(event.annotations);
  episode.generator_url = std::move(event.generator_url);
  return episode;
}

std::string received_text(const SourceEvent& event) {
  if (is_manual(event))
    return fmt::format("{} asked for playbook {} on {}", event.requested_by, event.playbook,
                       event.target ? event.target->str() : "nothing");
  const std::string since = format_rfc3339(event.starts_at);
  if (event.source == words::kAlertmanager)
    return fmt::format("alert {} is firing since {}", printable(event.name), since);
  const auto& why = event.facts.reason;
  return fmt::format("{} saw {} since {}{}", event.source, printable(event.name), since,
                     why.empty() ? "" : ": " + printable(why, 300));
}

std::string received_data(const SourceEvent& event, const std::string& key, const EventBatch& batch) {
  if (is_manual(event))
    return dump({{"by", event.requested_by},
                 {"playbook", event.playbook},
                 {"target", event.target ? event.target->str() : ""},
                 {"params", event.params}});
  JsonObjectText data;
  data.text("episode", key);
  if (event.facts.exit_code) data.number("exit_code", *event.facts.exit_code);
  if (!event.facts.reason.empty()) data.text("failure_reason", printable(event.facts.reason, 500));
  const bool is_notified = event.source == words::kAlertmanager;
  if (is_notified) data.text("receiver", printable(batch.receiver));
  data.text("source", event.source).time("starts_at", event.starts_at);
  if (is_notified || batch.truncated_alerts > 0)
    data.number("truncated_alerts", static_cast<std::int64_t>(batch.truncated_alerts));
  return data.take();
}

}  // namespace heal::remedy
