#pragma once

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/remedy/alarm.h"
#include "common/remedy/check.h"
#include "common/remedy/inbox.h"
#include "common/remedy/source/source_tools.h"
#include "common/remedy/worker_pool.h"

namespace heal::remedy {

/// Asks the checks of heal.yml's `schedules:` when their time has come, each at most once at a time, and tells when one
/// has failed often enough and when it passes again. A time that passed while a check still ran is left out. Threads of
/// its own.
class ScheduleSource {
 public:
  ScheduleSource(SourceTools tools, std::vector<playbook::Schedule> schedules);
  ~ScheduleSource();
  ScheduleSource(const ScheduleSource&) = delete;
  ScheduleSource& operator=(const ScheduleSource&) = delete;

 private:
  struct State {
    playbook::Schedule schedule;
    SteadyTime next{};  // every
    std::optional<WallTime> next_cron;
    bool is_running = false;
    std::uint32_t failures = 0;
    WallTime first_failure{};
    std::optional<SourceEvent> open;  // told, and not over
    bool was_unknown = false;
  };
  struct Message {
    std::optional<std::size_t> answered;  // which schedule; none: look at the clock
    CheckResult result;
    WallTime begun{};
  };

  void take_up();
  void run(std::stop_token stop);
  void begin_due();
  bool is_due(State& state) const;
  CheckResult ask_check(const playbook::Schedule& schedule, std::stop_token stop) const;
  void take_answer(State& state, const Message& message);
  void set_alarm();
  bool tell(SourceEvent event);

  const SourceTools tools_;
  std::vector<State> states_;
  std::vector<SourceEvent> orphans_;  // of schedules that are no longer there: over, and not told yet
  Inbox<Message> inbox_;
  WorkerPool workers_;
  std::optional<Alarm> alarm_;
  std::jthread loop_;
};

}  // namespace heal::remedy
