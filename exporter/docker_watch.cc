#include "exporter/docker_watch.h"

#include <algorithm>
#include <atomic>

#include "common/model/labels.h"

namespace heal::exporter {
namespace {

/// How long the last good view is shown while the engine does not answer: long enough for one slow look, too short to
/// hide that nobody looks.
constexpr int kIntervalsKept = 3;
constexpr Duration kLeastKept = 5s;
constexpr Duration kLeastMeasureInterval = 1s;
constexpr Duration kLeastMeasureTimeout = 3s;
constexpr std::size_t kMeasuredAtOnce = 8;

}  // namespace

DockerWatch::DockerWatch(DockerWatchConfig config, std::unique_ptr<ContainerEngine> engine, Clock& clock,
                         const Logger& logger)
    : config_(std::move(config)), engine_(std::move(engine)), clock_(clock), logger_(logger.component("watch")) {}

DockerWatch::~DockerWatch() {
  stop();
}

void DockerWatch::start() {
  looking_ = std::jthread([this](const std::stop_token& stop) { repeat(config_.interval, stop, &DockerWatch::look); });
  measuring_ = std::jthread([this](const std::stop_token& stop) {
    repeat(std::max(config_.interval, kLeastMeasureInterval), stop, &DockerWatch::measure);
  });
}

void DockerWatch::repeat(Duration interval, const std::stop_token& stop,
                         void (DockerWatch::*task)(const std::stop_token&)) {
  SteadyTime next = clock_.steady_now();
  while (clock_.sleep_until(next, stop) == Clock::Wake::kReached) {
    (this->*task)(stop);
    // On a grid without drift; turns that would overlap are left out.
    const SteadyTime now = clock_.steady_now();
    next += interval * std::max<std::int64_t>(1, (now - next) / interval + 1);
  }
}

void DockerWatch::stop() {
  looking_.request_stop();
  measuring_.request_stop();
  if (looking_.joinable()) looking_.join();
  if (measuring_.joinable()) measuring_.join();
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
  Result<std::optional<WallTime>> last_log = engine_->last_log_time(id, clock_.deadline_in(config_.timeout), stop);
  if (last_log.has_value()) seen.last_log = *last_log;
  return std::optional(std::move(seen));
}

void DockerWatch::measure(const std::stop_token& stop) {
  std::vector<std::string> ids;
  for (const SeenContainer& container : view().containers) {
    if (container.info.running()) ids.push_back(container.info.id);
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next.fetch_add(1); i < ids.size(); i = next.fetch_add(1))
      measure_one(ids[i], stop);
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < std::min(ids.size(), kMeasuredAtOnce); ++i)
      workers.emplace_back(work);
    work();
  }
  MutexLock lock(mutex_);
  std::erase_if(usage_, [&](const auto& entry) { return std::find(ids.begin(), ids.end(), entry.first) == ids.end(); });
}

void DockerWatch::measure_one(const std::string& id, const std::stop_token& stop) {
  const Deadline deadline = clock_.deadline_in(std::max(config_.timeout, kLeastMeasureTimeout));
  const Result<ContainerStats> stats = engine_->stats(id, deadline, stop);
  MutexLock lock(mutex_);
  if (stats.has_value()) {
    usage_[id] = *stats;
  } else {
    // No number is better than an old one.
    usage_.erase(id);
  }
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
  WatchView view = view_;
  for (SeenContainer& container : view.containers) {
    const auto used = usage_.find(container.info.id);
    if (container.info.running() && used != usage_.end()) container.stats = used->second;
  }
  return view;
}

}  // namespace heal::exporter
