#include "common/remedy/source/sources.h"

#include <system_error>

namespace heal::remedy {

Status Sources::start() {
  stop();
  try {
    make();
  } catch (const std::system_error& e) {
    stop();
    return make_error(ErrorCode::kUnavailable, "no thread can be made for the sources of events: {}", e.what());
  }
  return {};
}

void Sources::make() {
  const auto world = tools_.world.get();
  const auto& config = world->bundle.config;
  if (config.sources.docker) {
    for (const auto& engine : config.sources.docker->engines)
      docker_.push_back(std::make_unique<DockerSource>(tools_, engine, *config.sources.docker));
  }
  // Also without schedules: troubles of those that were taken out of the file are over.
  schedules_ = std::make_unique<ScheduleSource>(tools_, config.schedules);
  expiry_ = std::make_unique<ExpirySource>(tools_, config.sources);
  const bool asks = config.sources.absence.state == playbook::AbsenceConfig::State::kOn;
  if (asks && !world->alertmanagers.empty()) absence_ = std::make_unique<AbsenceSource>(tools_, config.sources.absence);
}

void Sources::stop() {
  docker_.clear();
  schedules_.reset();
  absence_.reset();
  expiry_.reset();
}

}  // namespace heal::remedy
