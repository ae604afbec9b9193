#include "common/sim/scripted_process_runner.h"

#include <utility>

#include "common/sim/wait_in.h"

namespace heal {
namespace {

void cap(std::string& text, std::size_t limit, bool& truncated) {
  if (text.size() <= limit) return;
  text.resize(limit);
  truncated = true;
}

}  // namespace

ProcessScript ProcessScript::exits(int code, std::string output, std::string errors, Duration runs_for) {
  ProcessScript script;
  script.outcome.exit_code = code;
  script.outcome.output = std::move(output);
  script.outcome.errors = std::move(errors);
  script.runs_for = runs_for;
  return script;
}

void ScriptedProcessRunner::on(const std::string& path, Program program) {
  MutexLock lock(mutex_);
  programs_[path] = std::move(program);
}

void ScriptedProcessRunner::on(const std::string& path, ProcessScript script) {
  on(path, [script = std::move(script)](const ProcessSpec&) { return script; });
}

std::vector<ProcessSpec> ScriptedProcessRunner::runs() {
  MutexLock lock(mutex_);
  return runs_;
}

Result<ProcessOutcome> ScriptedProcessRunner::run(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_process_spec(spec));
  Program program;
  {
    MutexLock lock(mutex_);
    const auto it = programs_.find(spec.argv[0]);
    if (it == programs_.end()) {
      return make_error(ErrorCode::kNotFound, "cannot run {}: no such file or directory", spec.argv[0]);
    }
    program = it->second;
    runs_.push_back(spec);
  }
  ProcessScript script = program(spec);
  ProcessOutcome outcome = std::move(script.outcome);
  const SteadyTime begun = clock_.steady_now();
  const auto waited = wait_in(clock_, script.runs_for, deadline, std::move(stop), spec.argv[0]);
  outcome.duration = clock_.steady_now() - begun;
  if (!waited) {
    outcome.exit_code = 0;
    outcome.end =
        waited.error().code() == ErrorCode::kTimeout ? ProcessOutcome::End::kTimedOut : ProcessOutcome::End::kStopped;
  }
  cap(outcome.output, spec.max_output_bytes, outcome.output_truncated);
  cap(outcome.errors, spec.max_output_bytes, outcome.errors_truncated);
  return outcome;
}

}  // namespace heal
