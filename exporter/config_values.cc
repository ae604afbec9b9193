#include "exporter/config_values.h"

#include <fmt/format.h>

namespace heal::exporter {

std::optional<Duration> as_interval(const config::Value& value) {
  const std::optional<Duration> interval = config::as_positive_duration(value);
  if (!interval || *interval >= 100ms) return interval;
  value.must_be("at least 100ms");
  return std::nullopt;
}

void UniqueNames::check(const config::Value& item, const std::string& name) {
  if (!seen_.insert(name).second) item.error(fmt::format("{} \"{}\" is there twice", what_, name));
}

}  // namespace heal::exporter
