#include "exporter/docker_watch.h"

#include <algorithm>

#include "common/model/labels.h"

namespace heal::exporter {
namespace {

/// How long the last good view is shown while the engine does not answer: long enough for one slow look, too short to
/// hide that nobody looks.
constexpr int kIntervalsKept = 3;
constexpr Duration kLeastKept = 5s;

}  // namespace

DockerWatch::DockerWatch(DockerWatchConfig config, std::unique_ptr<ContainerEngine> engine, Clock& clock,
                         const Logger& logger)
    : config_(std::move(config)), engine_(std::move(engine)), clock_(clock), logger_(logger.component("watch")) {}

DockerWatch::~DockerWatch() {
  stop();
}

void DockerWatch::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    SteadyTime next = clock_.steady_now();
    while (clock_.sleep_until(next, stop) == Clock::Wake::kReached) {
      look(stop);
      // On a grid without drift; looks that would overlap are left out.
      const SteadyTime now = clock_.steady_now();
      next += config_.interval * std::max<std::int64_t>(1, (now - next) / config_.interval + 1);
    }
  });
}

void DockerWatch::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void DockerWatch::look(const std::stop_token& stop) {
  const SteadyTime begun = clock_.steady_now();
  Result<std::vector<SeenContainer>> seen = see(stop);
  if (stop.stop_requested()) return;
  const Duration took = clock_.steady_now() - begun;
  if (seen.has_value()) {
    note_success(*std::move(seen), took);
  } else {
    note_failure(seen.error(), took);
  }
}

Result<std::vector<SeenContainer>> DockerWatch::see(const std::stop_token& stop) {
  HEAL_TRY(const std::vector<ContainerInfo> listed, engine_->list(clock_.deadline_in(config_.timeout), stop));
  std::vector<SeenContainer> seen;
  for (const ContainerInfo& info : listed) {
    if (label_value(info.labels, config_.label) != "true") continue;
    HEAL_TRY(std::optional<SeenContainer> one, see_one(info.id, stop));
    if (one) seen.push_back(*std::move(one));
  }
  std::sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.info.name < b.info.name; });
  return seen;
}

Result<std::optional<SeenContainer>> DockerWatch::see_one(const std::string& id, const std::stop_token& stop) {
  Result<ContainerInfo> info = engine_->inspect(id, clock_.deadline_in(config_.timeout), stop);
  if (!info.has_value()) {
    // Gone between the list and now.
    if (info.error().code() == ErrorCode::kNotFound) return std::optional<SeenContainer>();
    return std::move(info).error();
  }
  SeenContainer seen{*std::move(info), std::nullopt, std::nullopt};
  if (seen.info.running()) {
    Result<ContainerStats> stats = engine_->stats(id, clock_.deadline_in(config_.timeout), stop);
    if (stats.has_value()) seen.stats = *stats;
  }
  Result<std::optional<WallTime>> last_log = engine_->last_log_time(id, clock_.deadline_in(config_.timeout), stop);
  if (last_log.has_value()) seen.last_log = *last_log;
  return std::optional(std::move(seen));
}

void DockerWatch::note_success(std::vector<SeenContainer> containers, Duration took) {
  bool was_down = false;
  {
    MutexLock lock(mutex_);
    was_down = !view_.engine_up;
    view_.engine_up = true;
    view_.last_success = clock_.now();
    view_.took = took;
    view_.containers = std::move(containers);
    last_success_ = clock_.steady_now();
  }
  if (was_down) logger_.info("engine answers", {{"engine", config_.engine}});
}

void DockerWatch::note_failure(const Error& error, Duration took) {
  bool news = false;
  {
    MutexLock lock(mutex_);
    news = view_.engine_up || view_.failures == 0;
    view_.engine_up = false;
    view_.took = took;
    view_.failures += 1;
    const Duration kept = std::max(config_.interval * kIntervalsKept, kLeastKept);
    if (clock_.steady_now() - last_success_ > kept) view_.containers.clear();
  }
  if (news) logger_.warn("engine does not answer", {{"engine", config_.engine}, {"err", error}});
}

WatchView DockerWatch::view() const {
  MutexLock lock(mutex_);
  return view_;
}

}  // namespace heal::exporter
