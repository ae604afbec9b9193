#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

/// A process and what it uses of what was asked about.
struct Consumer {
  HostProcess process;
  double cpu_percent = 0;  ///< of one CPU, over the window

  double use(bool by_cpu) const { return by_cpu ? cpu_percent : static_cast<double>(process.memory_bytes); }
};

Result<ProcessScope> container_scope(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const DockerTarget target, docker_target(scope));
  const TargetId& id = scope.step.target ? *scope.step.target : scope.plan.target;
  const auto& engines = scope.world.bundle.config.engines;
  const auto engine = engines.find(id.engine);
  if (engine != engines.end() && !engine->second.tcp.empty())
    return make_error(ErrorCode::kRefused, "the processes of {} are on another machine", target.shown);
  HEAL_TRY(const ContainerInfo info, target.engine->inspect(target.container, deadline, std::move(stop)));
  return ProcessScope{ProcessScope::Kind::kContainer, info.id};
}

Result<ProcessScope> scope_of(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  const TargetId& target = scope.step.target ? *scope.step.target : scope.plan.target;
  const auto& arguments = scope.step.arguments;
  if (target.kind == "container") return container_scope(scope, deadline, std::move(stop));
  if (target.kind == "unit") return ProcessScope{ProcessScope::Kind::kUnit, target.name};
  if (arguments.has("pid_file")) return ProcessScope{ProcessScope::Kind::kPidFile, arguments.text("pid_file")};
  if (arguments.has("cgroup")) return ProcessScope{ProcessScope::Kind::kCgroup, arguments.text("cgroup")};
  return ProcessScope{ProcessScope::Kind::kName, target.name};
}

/// What each process used of a CPU between two looks; those that came or went in between are left out.
std::vector<Consumer> compare(const std::vector<HostProcess>& then, const std::vector<HostProcess>& now,
                              Duration passed) {
  std::vector<Consumer> out;
  for (const HostProcess& process : now) {
    const auto earlier = std::find_if(then.begin(), then.end(), [&](const HostProcess& each) {
      return each.pid == process.pid && each.started == process.started;
    });
    if (earlier == then.end()) continue;
    const double seconds = std::max(to_seconds(passed), 1e-3);
    out.push_back({process, 100 * (process.cpu_seconds - earlier->cpu_seconds) / seconds});
  }
  return out;
}

Result<std::vector<Consumer>> look(const ActionScope& scope, const ProcessScope& where, bool by_cpu, Deadline deadline,
                                   std::stop_token stop) {
  Clock& clock = scope.tools.clock;
  const SteadyTime begun = clock.steady_now();
  HEAL_TRY(const auto then, scope.tools.host->processes(where));
  std::vector<Consumer> consumers;
  for (const HostProcess& process : then)
    consumers.push_back({process, 0});
  if (!by_cpu) return consumers;
  const Duration window = scope.step.arguments.duration("window");
  if (begun + window > deadline)
    return make_error(ErrorCode::kInvalid, "argument window: {} is longer than what is left of the step's timeout ({})",
                      format_duration(window), format_duration(scope.step.timeout));
  if (clock.sleep_for(window, std::move(stop)) == Clock::Wake::kStopped)
    return make_error(ErrorCode::kCancelled, "stopped while looking");
  HEAL_TRY(const auto now, scope.tools.host->processes(where));
  return compare(then, now, clock.steady_now() - begun);
}

/// In percent or in bytes, as the rule for the step has made sure.
Result<double> threshold_of(const playbook::Arguments& arguments) {
  if (!arguments.has("at_least")) return 0.0;
  const std::string& text = arguments.text("at_least");
  if (text.ends_with('%')) return static_cast<double>(parse_int(text.substr(0, text.size() - 1)).value_or(0));
  HEAL_TRY(const std::int64_t bytes, playbook::parse_size(text));
  return static_cast<double>(bytes);
}

std::string describe(const Consumer& consumer) {
  return fmt::format("process {} ({}, {:.0f} MiB, {:.0f} % CPU)", consumer.process.pid,
                     printable(consumer.process.name, 20),
                     static_cast<double>(consumer.process.memory_bytes) / (1 << 20), consumer.cpu_percent);
}

/// Chooses the process: it is in the intent before it gets its signal.
Result<BeforeState> prepare_signal(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  if (scope.tools.host == nullptr) return make_error(ErrorCode::kUnreachable, "this machine is not in reach");
  const bool by_cpu = scope.step.arguments.text("by") == "cpu";
  HEAL_TRY(const ProcessScope where, scope_of(scope, deadline, stop));
  HEAL_TRY(const auto consumers, look(scope, where, by_cpu, deadline, std::move(stop)));
  HEAL_TRY(const double threshold, threshold_of(scope.step.arguments));
  const auto top = std::max_element(consumers.begin(), consumers.end(), [&](const Consumer& a, const Consumer& b) {
    return a.use(by_cpu) < b.use(by_cpu);
  });
  if (top == consumers.end()) return make_error(ErrorCode::kNotFound, "no process of {} stayed", where.str());
  if (top->use(by_cpu) < threshold)
    return make_error(ErrorCode::kConflict, "the top consumer of {} is {}, less than {}", where.str(), describe(*top),
                      scope.step.arguments.text("at_least"));
  const HostProcess& process = top->process;
  return BeforeState{{"pid", fmt::format("{}", process.pid)},
                     {"started", fmt::format("{}", process.started)},
                     {"name", process.name},
                     {"memory_bytes", fmt::format("{}", process.memory_bytes)},
                     {"cpu_percent", fmt::format("{:.1f}", top->cpu_percent)},
                     {"shown", describe(*top)}};
}

HostProcess process_of(const BeforeState& before) {
  HostProcess process;
  process.pid = parse_int(value_of(before, "pid")).value_or(0);
  process.started = static_cast<std::uint64_t>(parse_int(value_of(before, "started")).value_or(0));
  process.name = value_of(before, "name");
  return process;
}

ActionResult send_signal(const ActionScope& scope, const BeforeState& before, Deadline, std::stop_token) {
  const std::string& signal = scope.step.arguments.text("signal");
  const Status sent = scope.tools.host->signal(process_of(before), signal);
  if (!sent.has_value()) return ActionResult::failed(std::string(to_string(sent.error().code())), sent.error().str());
  return ActionResult::done(fmt::format("{} got {}", value_of(before, "shown"), signal),
                            {{"pid", value_of(before, "pid")},
                             {"name", value_of(before, "name")},
                             {"memory_bytes", value_of(before, "memory_bytes")},
                             {"cpu_percent", value_of(before, "cpu_percent")}});
}

/// Only an end leaves a trace.
ProbeAnswer probe_signal(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  if (scope.tools.host == nullptr) return {Probed::kUnknown, "this machine is not in reach"};
  const auto where = scope_of(scope, scope.tools.clock.deadline_in(kEngineLook), std::move(stop));
  if (!where.has_value()) return {Probed::kUnknown, where.error().str()};
  const auto now = scope.tools.host->processes(*where);
  const bool is_none = !now.has_value() && now.error().code() == ErrorCode::kNotFound;
  if (!now.has_value() && !is_none) return {Probed::kUnknown, now.error().str()};
  const HostProcess wanted = process_of(before);
  const auto is_it = [&](const HostProcess& each) { return each.pid == wanted.pid && each.started == wanted.started; };
  const bool lives = now.has_value() && std::any_of(now->begin(), now->end(), is_it);
  const std::string& signal = scope.step.arguments.text("signal");
  const std::string& shown = value_of(before, "shown");
  if (lives && signal == "SIGKILL") return {Probed::kDidNotHappen, shown + " still runs"};
  if (!lives && (signal == "SIGKILL" || signal == "SIGTERM")) return {Probed::kHappened, shown + " has ended"};
  return {Probed::kUnknown, fmt::format("nothing shows whether {} arrived", signal)};
}

}  // namespace

const ActionKind kProcessSignal{"process.signal", prepare_signal, send_signal, probe_signal};

}  // namespace heal::remedy
