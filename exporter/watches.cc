#include "exporter/watches.h"

#include <algorithm>

namespace heal::exporter {

Watches::Watches(const WatchConfig& config, const Watches& old, const WatchWorld& world, Clock& clock,
                 const Logger& logger) {
  for (const DockerWatchConfig& engine : config.docker) {
    const auto same = std::find_if(old.docker_.begin(), old.docker_.end(),
                                   [&](const auto& running) { return running->config() == engine; });
    if (same != old.docker_.end()) {
      docker_.push_back(*same);
      continue;
    }
    docker_.push_back(std::make_shared<DockerWatch>(engine, world.make_engine(engine), clock, logger));
    docker_.back()->start();
  }
  if (!config.processes.empty()) {
    const ProcessWatchConfig processes{config.interval, config.proc, config.processes};
    const bool is_same = old.processes_ && old.processes_->config() == processes;
    processes_ = is_same ? old.processes_
                         : std::make_shared<ProcessWatch>(processes, world.make_reader(config.proc), clock, logger);
    if (!is_same) processes_->start();
  }
  if (!config.units.empty()) {
    const SystemdWatch::Config units{config.interval, config.bus, config.units};
    const bool is_same = old.systemd_ && old.systemd_->config() == units;
    systemd_ =
        is_same ? old.systemd_ : std::make_shared<SystemdWatch>(units, world.make_units(config.bus), clock, logger);
    if (!is_same) systemd_->start();
  }
  if (config.host) {
    const HostWatch::Config host{config.interval, config.proc, *config.host};
    const bool is_same = old.host_ && old.host_->config() == host;
    host_ = is_same ? old.host_ : std::make_shared<HostWatch>(host, world.make_reader(config.proc), clock, logger);
    if (!is_same) host_->start();
  }
}

void Watches::stop() const {
  for (const auto& watch : docker_)
    watch->stop();
  if (processes_) processes_->stop();
  if (systemd_) systemd_->stop();
  if (host_) host_->stop();
}

void Watches::write(ExpositionWriter& out) const {
  write_containers(docker_, out);
  std::vector<WatchState> states;
  for (const auto& watch : docker_)
    states.push_back(watch->view().state);
  if (processes_) states.push_back(processes_->write(out));
  if (systemd_) states.push_back(systemd_->write(out));
  if (host_) states.push_back(host_->write(out));
  write_watch_states(states, out);
}

}  // namespace heal::exporter
