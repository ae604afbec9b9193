#include "webhook/retention.h"

#include <utility>

namespace heal::webhook {
namespace {

constexpr Duration kFirst = 1min;
constexpr Duration kEvery = 1h;
/// A step holds the store's writer for some milliseconds; whoever commits meanwhile goes first after it.
constexpr Duration kPause = 50ms;
/// How far the wall clock may move against the other between two looks: clocks are corrected, and machines sleep.
constexpr Duration kMostStep = 2h;
constexpr std::string_view kClockKey = "retention_clock";

}  // namespace

Retention::Retention(Store& store, Clock& clock, Logger logger, std::function<std::optional<Duration>()> keep)
    : store_(store), clock_(clock), logger_(std::move(logger)), keep_(std::move(keep)) {}

void Retention::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

void Retention::begin_watching() {
  wall_ = clock_.now();
  steady_ = believed_from_ = clock_.steady_now();
  const auto stored = store_.value(std::string(kClockKey));
  if (stored.has_value() && !*stored) return;  // nothing was ever kept here by another clock
  std::optional<WallTime> last;
  if (stored.has_value()) {
    if (auto time = parse_rfc3339(**stored); time.has_value()) last = *time;
  }
  const bool goes_on = last && wall_ - *last < kMostAway && *last - wall_ < kMostStep;
  if (goes_on) return;
  believed_from_ = steady_ + kDistrust;
  logger_.warn("the clock does not go on from where it was; nothing is deleted for a day",
               {{"was", last ? format_rfc3339(*last) : "unknown"}, {"is", format_rfc3339(wall_)}});
}

bool Retention::is_clock_believed() {
  const WallTime wall = clock_.now();
  const SteadyTime steady = clock_.steady_now();
  const Duration step = (wall - wall_) - (steady - steady_);
  wall_ = wall;
  steady_ = steady;
  if (step > kMostStep || step < -kMostStep) {
    believed_from_ = steady + kDistrust;
    logger_.warn("the clock was set; nothing is deleted for a day",
                 {{"by", format_duration_short(step < Duration{} ? -step : step)}, {"is", format_rfc3339(wall)}});
  }
  return steady >= believed_from_;
}

void Retention::remember_clock() {
  const Status status = store_.commit({PutValue{std::string(kClockKey), format_rfc3339_nano(clock_.now())}});
  if (!status.has_value()) logger_.warn("the time of this pass could not be kept", {{"err", status.error()}});
}

void Retention::run(std::stop_token stop) {
  begin_watching();
  Duration pause = kFirst;
  while (clock_.sleep_for(pause, stop) == Clock::Wake::kReached) {
    pause = kEvery;
    if (!is_clock_believed()) continue;
    remember_clock();
    const auto swept = run_once(stop);
    if (!swept.has_value()) {
      logger_.warn("retention could not go on; it tries again later", {{"err", swept.error()}});
    } else if (swept->incidents > 0 || swept->entries > 0) {
      logger_.info(
          "retention deleted what is old",
          {{"incidents", swept->incidents}, {"episodes", swept->episodes}, {"journal_entries", swept->entries}});
    }
  }
}

Result<Swept> Retention::run_once(std::stop_token stop) {
  Swept all;
  const auto keep = keep_();
  if (!keep) return all;
  SweepOrder order;
  order.before = clock_.now() - *keep;
  while (!stop.stop_requested()) {
    order.now = clock_.now();
    HEAL_TRY(const Swept swept, store_.sweep(order));
    all.incidents += swept.incidents;
    all.episodes += swept.episodes;
    all.entries += swept.entries;
    if (!swept.next) break;
    order.after = swept.next;
    (void)clock_.sleep_for(kPause, stop);
  }
  return all;
}

}  // namespace heal::webhook
