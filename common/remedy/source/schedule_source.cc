#include "common/remedy/source/schedule_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kMostDueWaiting = 1024;
constexpr std::size_t kMostDuePerBatch = 64;
/// Between the first checks of a start, so that they do not all come at once.
constexpr Duration kSpread = 50ms;
/// The wall clock may be set: how long a cron time is believed in before it is worked out anew.
constexpr Duration kCronLook = 30s;

SourceEvent due_event(const playbook::Schedule& schedule, WallTime starts_at, const std::string& reason) {
  using Kind = playbook::Check::Kind;
  SourceEvent event;
  event.source = words::kSchedule;
  event.key = fmt::format("schedule:{}:{}", schedule.name, format_rfc3339_nano(starts_at));
  event.name = schedule.name;
  event.labels = {{std::string(event_labels::kName), schedule.name},
                  {std::string(event_labels::kSource), event.source},
                  {std::string(event_labels::kSchedule), schedule.name},
                  {std::string(event_labels::kTarget), schedule.target.str()}};
  event.starts_at = starts_at;
  event.target = schedule.target;
  event.playbook = schedule.playbook;
  event.params = schedule.params;
  event.facts.reason = printable(reason, 400);
  const Kind kind = schedule.check.check.kind;
  if (kind == Kind::kHealth || kind == Kind::kHttp || kind == Kind::kTcp || kind == Kind::kDns)
    event.facts.type = "HEALTH_CHECK_FAILURE";
  return event;
}

Result<playbook::InventoryTarget> look_up(const World& world, const TargetId& target, Deadline deadline,
                                          std::stop_token stop) {
  const auto& config = world.bundle.config;
  if (target.kind != "container") return playbook::inventory_of(config, target);
  ContainerEngine* engine = world.engine(target.engine);
  if (engine == nullptr) return make_error(ErrorCode::kNotFound, "there is no engine \"{}\"", target.engine);
  const auto info = engine->inspect(target.name, deadline, std::move(stop));
  if (info.has_value()) return playbook::inventory_of_container(config, target, info->labels);
  if (info.error().code() != ErrorCode::kNotFound) return info.error();
  return playbook::inventory_of_container(config, target, {});
}

}  // namespace

ScheduleSource::ScheduleSource(SourceTools tools, std::vector<playbook::Schedule> schedules)
    : tools_(std::move(tools)),
      inbox_(kMostDueWaiting),
      workers_(std::clamp<std::size_t>(schedules.size(), 1, kThreads), tools_.tools.clock) {
  SteadyTime at = tools_.tools.clock.steady_now();
  for (auto& schedule : schedules) {
    State state;
    state.schedule = std::move(schedule);
    state.next = at;
    at += kSpread;
    states_.push_back(std::move(state));
  }
  take_up();
  alarm_.emplace(tools_.tools.clock, [this] { inbox_.try_push({}); });
  loop_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  inbox_.try_push({});
}

ScheduleSource::~ScheduleSource() {
  loop_.request_stop();
  inbox_.close();
  workers_.drain();
  workers_.stop();
  loop_ = {};
  alarm_.reset();
}

/// What an earlier run told and did not see the end of.
void ScheduleSource::take_up() {
  std::vector<Episode> episodes;
  const Status read = tools_.store.each_unresolved(std::string(words::kSchedule),
                                                   [&](const Episode& episode) { episodes.push_back(episode); });
  if (!read.has_value()) return;
  for (const Episode& episode : episodes) {
    const auto name = label_value(episode.labels, event_labels::kSchedule);
    const auto it =
        std::find_if(states_.begin(), states_.end(), [&](const State& state) { return state.schedule.name == name; });
    SourceEvent event = remedy::event_of(episode);
    if (it != states_.end() && !it->open) {
      it->open = std::move(event);
      continue;
    }
    const bool is_there = it != states_.end();
    event.kind = SourceEvent::Kind::kResolved;
    event.end_reason = is_there ? words::kSuperseded : words::kScheduleRemoved;
    event.end_message = is_there ? fmt::format("schedule {} goes on with what it told as {}", name, it->open->key)
                                 : "the schedule is no longer in heal.yml";
    orphans_.push_back(std::move(event));
  }
}

void ScheduleSource::run(std::stop_token stop) {
  for (;;) {
    const auto batch = inbox_.take(kMostDuePerBatch);
    if (batch.empty() || stop.stop_requested()) return;
    std::erase_if(orphans_, [this](const SourceEvent& event) { return tell(event); });
    for (const Message& message : batch) {
      if (message.answered) take_answer(states_[*message.answered], message);
    }
    begin_due();
    set_alarm();
  }
}

bool ScheduleSource::is_due(State& state) const {
  if (state.is_running) return false;
  const auto& schedule = state.schedule;
  if (schedule.every) return state.next <= tools_.tools.clock.steady_now();
  const WallTime now = tools_.tools.clock.now();
  const bool is_due = state.next_cron && *state.next_cron <= now;
  const auto next = schedule.cron->next_after(now, schedule.zone);
  if (is_due || !state.next_cron || (next && *next < *state.next_cron)) state.next_cron = next;
  return is_due;
}

void ScheduleSource::begin_due() {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    if (!is_due(state)) continue;
    state.is_running = true;
    if (state.schedule.every) {
      const SteadyTime now = tools_.tools.clock.steady_now();
      state.next += *state.schedule.every;
      if (state.next <= now) state.next = now + *state.schedule.every;
    }
    workers_.submit([this, i, schedule = state.schedule](std::stop_token stop) {
      const WallTime begun = tools_.tools.clock.now();
      inbox_.push({i, ask_check(schedule, std::move(stop)), begun});
    });
  }
}

CheckResult ScheduleSource::ask_check(const playbook::Schedule& schedule, std::stop_token stop) const {
  const auto world = tools_.world.get();
  const Deadline deadline = tools_.tools.clock.deadline_in(schedule.timeout);
  const auto target = look_up(*world, schedule.target, deadline, stop);
  if (!target.has_value()) return {Answer::kUnknown, target.error().str()};
  const auto check = playbook::plan_schedule_check(world->bundle.config, schedule, *target);
  if (!check.has_value()) return {Answer::kUnknown, check.error().str()};
  return ask(*check, {*world, tools_.tools, {}, std::nullopt}, deadline, std::move(stop));
}

void ScheduleSource::take_answer(State& state, const Message& message) {
  state.is_running = false;
  const auto& schedule = state.schedule;
  const CheckResult& result = message.result;
  if (result.answer == Answer::kUnknown) {
    // Neither good nor bad news: it does not count, and does not end a row of failures.
    if (!std::exchange(state.was_unknown, true))
      tools_.logger.warn("a schedule's check cannot be asked",
                         {{"schedule", schedule.name}, {"reason", printable(result.message, 400)}});
    return;
  }
  state.was_unknown = false;
  const bool heals_when_failing = schedule.heals_when == playbook::Schedule::HealsWhen::kFailing;
  if ((result.answer == Answer::kFail) == heals_when_failing) {
    if (state.failures++ == 0) state.first_failure = message.begun;
    if (state.open || state.failures < schedule.failures) return;
    SourceEvent event = due_event(schedule, state.first_failure, result.message);
    if (tell(event)) state.open = std::move(event);
    return;
  }
  state.failures = 0;
  if (!state.open) return;
  SourceEvent over = *state.open;
  over.kind = SourceEvent::Kind::kResolved;
  over.ends_at = message.begun;
  over.end_reason = "check_passes";
  over.end_message = printable(result.message, 400);
  if (tell(std::move(over))) state.open.reset();
}

/// False when it could not be taken in: the next answer tells it again.
bool ScheduleSource::tell(SourceEvent event) {
  EventBatch batch;
  batch.source = words::kSchedule;
  batch.events.push_back(std::move(event));
  const auto reply = ingest_and_wait(tools_, std::move(batch));
  if (!reply.has_value())
    tools_.logger.warn("what a schedule found could not be taken in; trying again", {{"err", reply.error()}});
  return reply.has_value();
}

void ScheduleSource::set_alarm() {
  const SteadyTime now = tools_.tools.clock.steady_now();
  const WallTime wall = tools_.tools.clock.now();
  std::optional<SteadyTime> first;
  for (const State& state : states_) {
    if (state.is_running) continue;
    const SteadyTime at = state.schedule.every ? state.next
                          : state.next_cron ? now + std::clamp<Duration>(*state.next_cron - wall, Duration{}, kCronLook)
                                            : now + kCronLook;
    if (!first || at < *first) first = at;
  }
  alarm_->set(first);
}

}  // namespace heal::remedy
