#include "exporter/schedule.h"

#include <utility>

namespace heal::exporter {

Schedule::Schedule(std::vector<Timing> timings, SteadyTime start, Random& random)
    : timings_(std::move(timings)), grids_(timings_.size()), random_(&random) {
  for (std::size_t i = 0; i < timings_.size(); ++i) {
    const auto shift = std::chrono::duration_cast<Duration>(timings_[i].interval * timings_[i].offset);
    queue_.push(plan(i, timings_[i].grid.value_or(start + shift)));
  }
}

Schedule::Entry Schedule::plan(std::size_t index, SteadyTime grid) {
  const auto delay = std::chrono::duration_cast<Duration>(timings_[index].jitter * random_->fraction());
  grids_[index] = grid;
  return {grid + delay, grid, index};
}

std::optional<SteadyTime> Schedule::next() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.top().due;
}

std::vector<Schedule::Due> Schedule::take_due(SteadyTime now) {
  std::vector<Due> due;
  while (!queue_.empty() && queue_.top().due <= now) {
    const Entry entry = queue_.top();
    queue_.pop();
    const Duration interval = timings_[entry.index].interval;
    // A scheduler that was held up runs each probe once, not once for every interval that it missed.
    const auto missed = (now - entry.grid) / interval;
    due.push_back({entry.index, entry.due, static_cast<std::size_t>(missed)});
    queue_.push(plan(entry.index, entry.grid + interval * (missed + 1)));
  }
  return due;
}

}  // namespace heal::exporter
