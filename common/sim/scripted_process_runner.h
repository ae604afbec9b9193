#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/process_runner.h"

namespace heal {

/// What a scripted program does: how it ends by itself, and how long it runs until then.
struct ProcessScript {
  ProcessOutcome outcome;
  Duration runs_for{};

  static ProcessScript exits(int code, std::string output = "", std::string errors = "", Duration runs_for = {});
};

/// Programs that are scripts. A program that is not scripted does not exist (kNotFound). Thread-safe.
class ScriptedProcessRunner : public ProcessRunner {
 public:
  using Program = std::function<ProcessScript(const ProcessSpec&)>;

  explicit ScriptedProcessRunner(Clock& clock) : clock_(clock) {}

  /// What `path` (argv[0]) does when it is run, whatever its arguments.
  void on(const std::string& path, Program program);
  void on(const std::string& path, ProcessScript script);

  /// All that was run, in order.
  std::vector<ProcessSpec> runs();

  Result<ProcessOutcome> run(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) override;

 private:
  Clock& clock_;

  Mutex mutex_;
  std::map<std::string, Program> programs_ HEAL_GUARDED_BY(mutex_);
  std::vector<ProcessSpec> runs_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
