#include "exporter/docker_watch.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "common/model/labels.h"
#include "exporter/periodic_look.h"

namespace heal::exporter {
namespace {

/// Between two looks that events ask for: that long, and so many times as long as a look takes, so that containers in a
/// crash loop do not keep the engine busy with us.
constexpr Duration kLeastBetweenLooks = 250ms;
constexpr int kLeastRest = 4;
constexpr Duration kFirstPause = 500ms, kLongestPause = 10s;
constexpr Duration kLeastMeasureInterval = 1s;
constexpr Duration kLeastMeasureTimeout = 3s;
constexpr std::size_t kAskedAtOnce = 8;

/// Calls `work` for every number below `count`, several at a time.
void several_at_once(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto work_on = [&] {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1))
      work(i);
  };
  std::vector<std::jthread> workers;
  try {
    for (std::size_t i = 1; i < std::min(count, kAskedAtOnce); ++i)
      workers.emplace_back(work_on);
  } catch (const std::system_error&) {
    // There are as many threads as there may be: those that were made do it all.
  }
  work_on();
}

}  // namespace

DockerWatch::DockerWatch(DockerWatchConfig config, std::unique_ptr<ContainerEngine> engine, Clock& clock,
                         const Logger& logger)
    : config_(std::move(config)),
      engine_(std::move(engine)),
      clock_(clock),
      logger_(logger.component("watch")),
      tally_(clock.now()) {
  view_.state.watch = "docker";
  view_.state.engine = config_.engine;
}

DockerWatch::~DockerWatch() {
  stop();
}

void DockerWatch::start() {
  following_ = std::jthread([this](const std::stop_token& stop) { keep_following(stop); });
  looking_ = std::jthread([this](const std::stop_token& stop) { keep_looking(stop); });
  measuring_ = std::jthread([this](const std::stop_token& stop) { keep_measuring(stop); });
}

void DockerWatch::stop() {
  for (std::jthread* thread : {&following_, &looking_, &measuring_})
    thread->request_stop();
  for (std::jthread* thread : {&following_, &looking_, &measuring_}) {
    if (thread->joinable()) thread->join();
  }
}

void DockerWatch::keep_following(const std::stop_token& stop) {
  Duration pause = kFirstPause;
  while (!stop.stop_requested()) {
    const SteadyTime begun = clock_.steady_now();
    (void)follow_once(stop);
    if (stop.stop_requested()) return;
    if (clock_.steady_now() - begun > kLongestPause) pause = kFirstPause;
    // Whether the engine is gone, and what no event will tell any more, a look shows.
    nudge();
    if (clock_.sleep_for(pause, stop) == Clock::Wake::kStopped) return;
    pause = std::min(pause * 2, kLongestPause);
  }
}

Status DockerWatch::follow_once(const std::stop_token& stop) {
  WallTime since{};
  {
    MutexLock lock(mutex_);
    since = tally_.since();
  }
  return engine_->events(
      since, [this](const ContainerEvent& event) { take(event); }, stop);
}

void DockerWatch::take(const ContainerEvent& event) {
  bool is_news = false;
  {
    MutexLock lock(mutex_);
    const bool is_watched = label_value(event.attributes, config_.label) == "true" || tally_.knows(event.id);
    is_news = is_watched && tally_.take(event, clock_.steady_now());
  }
  if (is_news) nudge();
}

void DockerWatch::nudge() {
  std::stop_source sleeper(std::nostopstate);
  {
    MutexLock lock(mutex_);
    is_nudged_ = true;
    sleeper = nudge_;
  }
  sleeper.request_stop();
}

void DockerWatch::sleep_unless_nudged(SteadyTime until, const std::stop_token& stop) {
  std::stop_source sleeper;
  {
    MutexLock lock(mutex_);
    if (std::exchange(is_nudged_, false)) return;
    nudge_ = sleeper;
  }
  const std::stop_callback forward(stop, [&] { sleeper.request_stop(); });
  clock_.sleep_until(until, sleeper.get_token());
  MutexLock lock(mutex_);
  is_nudged_ = false;
}

/// On a grid without drift; turns that would overlap are left out.
SteadyTime DockerWatch::next_turn(SteadyTime last, Duration interval) {
  const SteadyTime now = clock_.steady_now();
  if (now < last) return last;
  return last + interval * std::max<std::int64_t>(1, (now - last) / interval + 1);
}

void DockerWatch::keep_looking(const std::stop_token& stop) {
  SteadyTime next = clock_.steady_now();
  for (SteadyTime may = next;;) {
    sleep_unless_nudged(next, stop);
    if (clock_.sleep_until(std::min(next, may), stop) == Clock::Wake::kStopped) return;
    const SteadyTime begun = clock_.steady_now();
    look(stop);
    const SteadyTime done = clock_.steady_now();
    may = std::max(begun + kLeastBetweenLooks, done + (done - begun) * kLeastRest);
    next = next_turn(next, config_.interval);
  }
}

void DockerWatch::keep_measuring(const std::stop_token& stop) {
  SteadyTime next = clock_.steady_now();
  while (clock_.sleep_until(next, stop) == Clock::Wake::kReached) {
    measure(stop);
    next = next_turn(next, std::max(config_.interval, kLeastMeasureInterval));
  }
}

void DockerWatch::look(const std::stop_token& stop) {
  const Begun begun{clock_.steady_now(), clock_.now()};
  Result<Sight> seen = see(stop);
  if (stop.stop_requested()) return;
  if (seen.has_value()) {
    note_success(*std::move(seen), begun);
  } else {
    note_failure(seen.error(), clock_.steady_now() - begun.steady);
  }
}

Result<DockerWatch::Sight> DockerWatch::see(const std::stop_token& stop) {
  HEAL_TRY(std::vector<ContainerInfo> listed, engine_->list(clock_.deadline_in(config_.timeout), stop));
  Sight sight;
  std::vector<std::string> ids;
  for (ContainerInfo& info : listed) {
    const bool is_expected = std::find(config_.expect.begin(), config_.expect.end(), info.name) != config_.expect.end();
    if (label_value(info.labels, config_.label) == "true") {
      ids.push_back(info.id);
    } else if (is_expected) {
      sight.unlabelled.push_back(std::move(info));
    }
  }
  std::vector<Result<std::optional<SeenContainer>>> seen(ids.size(), std::optional<SeenContainer>());
  several_at_once(ids.size(), [&](std::size_t i) { seen[i] = see_one(ids[i], stop); });
  for (Result<std::optional<SeenContainer>>& result : seen) {
    HEAL_TRY(std::optional<SeenContainer> one, std::move(result));
    if (one) sight.containers.push_back(*std::move(one));
  }
  std::sort(sight.containers.begin(), sight.containers.end(),
            [](const auto& a, const auto& b) { return a.info.name < b.info.name; });
  return sight;
}

Result<std::optional<SeenContainer>> DockerWatch::see_one(const std::string& id, const std::stop_token& stop) {
  Result<ContainerInfo> info = engine_->inspect(id, clock_.deadline_in(config_.timeout), stop);
  if (!info.has_value()) {
    // Gone between the list and now.
    if (info.error().code() == ErrorCode::kNotFound) return std::optional<SeenContainer>();
    return std::move(info).error();
  }
  SeenContainer seen{*std::move(info), std::nullopt, std::nullopt};
  seen.last_log = last_log_of(seen.info, stop);
  return std::optional(std::move(seen));
}

std::optional<WallTime> DockerWatch::last_log_of(const ContainerInfo& info, const std::stop_token& stop) {
  const std::optional<SeenContainer> before = last_seen(info.id);
  // What was dead at the last look and has not run since writes nothing.
  const bool is_as_before =
      before && !info.running() && before->info.status == info.status && before->info.finished_at == info.finished_at;
  if (is_as_before) return before->last_log;
  Result<std::optional<WallTime>> last_log = engine_->last_log_time(info.id, clock_.deadline_in(config_.timeout), stop);
  if (last_log.has_value()) return *last_log;
  return before ? before->last_log : std::nullopt;
}

std::optional<SeenContainer> DockerWatch::last_seen(const std::string& id) const {
  MutexLock lock(mutex_);
  for (const SeenContainer& container : view_.containers) {
    if (container.info.id == id) return container;
  }
  return std::nullopt;
}

void DockerWatch::measure(const std::stop_token& stop) {
  std::vector<std::string> ids;
  for (const SeenContainer& container : view().containers) {
    if (container.info.running()) ids.push_back(container.info.id);
  }
  several_at_once(ids.size(), [&](std::size_t i) { measure_one(ids[i], stop); });
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

void DockerWatch::note_success(Sight sight, const Begun& begun) {
  bool was_down = false;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.steady_now();
    was_down = !view_.state.up;
    view_.state.succeeded(clock_.now(), now - begun.steady);
    view_.containers = std::move(sight.containers);
    view_.unlabelled = std::move(sight.unlabelled);
    seen_at_ = begun.steady;
    std::vector<ContainerInfo> infos;
    for (const SeenContainer& container : view_.containers)
      infos.push_back(container.info);
    tally_.look(infos, begun.wall, now);
  }
  if (was_down) logger_.info("engine answers", {{"engine", config_.engine}});
}

void DockerWatch::note_failure(const Error& error, Duration took) {
  bool news = false;
  {
    MutexLock lock(mutex_);
    news = view_.state.failed(error, took);
  }
  if (news) logger_.warn("engine does not answer", {{"engine", config_.engine}, {"err", error}});
}

WatchView DockerWatch::view() const {
  MutexLock lock(mutex_);
  WatchView view = view_;
  view.counts = tally_.counts();
  if (clock_.steady_now() - seen_at_ > kept_for(config_.interval)) {
    view.containers.clear();
    view.unlabelled.clear();
    if (view.state.up) {
      // A look is under way that the engine answers too slowly to be of use.
      view.state.up = false;
      view.state.reason = to_string(ErrorCode::kTimeout);
    }
  }
  for (SeenContainer& container : view.containers) {
    const auto used = usage_.find(container.info.id);
    if (container.info.running() && used != usage_.end()) container.stats = used->second;
  }
  return view;
}

}  // namespace heal::exporter
