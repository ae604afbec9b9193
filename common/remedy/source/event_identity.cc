#include "common/remedy/source/event_identity.h"

#include <utility>

#include <fmt/format.h>

#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

std::optional<TargetId> target_of(const Episode& episode) {
  std::string text;
  if (episode.source == words::kDocker) {
    text = fmt::format("container/{}/{}", label_value(episode.labels, event_labels::kEngine),
                       label_value(episode.labels, event_labels::kContainer));
  } else if (episode.source == words::kSchedule) {
    text = label_value(episode.labels, event_labels::kTarget);
  }
  if (text.empty()) return std::nullopt;
  auto target = TargetId::parse(text);
  return target.has_value() ? std::optional(std::move(*target)) : std::nullopt;
}

}  // namespace

void add_label(Labels& labels, std::string_view name, std::string value) {
  if (!value.empty()) labels.emplace(name, std::move(value));
}

SourceEvent event_of(const Episode& episode) {
  SourceEvent event;
  event.source = episode.source;
  event.key = episode.key;
  event.name = episode.name;
  event.labels = episode.labels;
  event.annotations = episode.annotations;
  event.starts_at = episode.starts_at;
  event.generator_url = episode.generator_url;
  event.alertmanager_url = episode.alertmanager_url;
  event.target = target_of(episode);
  event.facts.type = label_value(episode.labels, event_labels::kType);
  event.facts.container_id = label_value(episode.labels, event_labels::kContainerId);
  return event;
}

}  // namespace heal::remedy
