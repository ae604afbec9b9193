#include "common/remedy/classify.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr std::int64_t kExitBySigterm = 128 + 15;

bool is_dead(const ContainerInfo& container) {
  return container.status == "exited" || container.status == "dead";
}

std::string type_of(const Clues& clues) {
  if (clues.is_manual) return "MANUAL";
  if (!clues.container) return "ALERT";
  if (clues.container->status == "created") return std::string(words::kDeploymentType);
  if (is_dead(*clues.container)) return death_type(clues.container->exit_code, clues.container->oom_killed);
  if (clues.container->status == "restarting") return "CONTAINER_CRASH";
  return clues.health == Answer::kFail ? "HEALTH_CHECK_FAILURE" : "ALERT";
}

std::string_view signal_of(std::int64_t exit_code) {
  switch (exit_code - 128) {
    case 6:
      return "SIGABRT";
    case 9:
      return "SIGKILL";
    case 11:
      return "SIGSEGV";
    case 15:
      return "SIGTERM";
    default:
      return "";
  }
}

/// The newest fault that was injected into the run of the container that is in trouble.
std::optional<FaultLease> injected_fault(const Clues& clues) {
  std::optional<FaultLease> newest;
  for (const auto& lease : clues.leases) {
    if (lease.injected_at > clues.detected_at || lease.state == FaultLease::State::kReverted) continue;
    // A container that was started since has left that fault behind, healed before its lease ended.
    const auto& started_at = clues.container ? clues.container->started_at : std::nullopt;
    if (started_at && lease.injected_at < *started_at) continue;
    if (!newest || lease.injected_at > newest->injected_at) newest = lease;
  }
  return newest;
}

}  // namespace

std::string death_type(std::int64_t exit_code, bool oom_killed) {
  const bool was_asked_to = exit_code == 0 || exit_code == kExitBySigterm;
  return was_asked_to && !oom_killed ? "TASK_STOPPED" : "CONTAINER_CRASH";
}

std::string death_reason(std::int64_t exit_code, bool oom_killed, const std::string& engine_says) {
  std::string out = fmt::format("exit code {}", exit_code);
  if (const auto signal = signal_of(exit_code); !signal.empty()) out += fmt::format(" ({})", signal);
  if (oom_killed) out += ", out of memory";
  if (!engine_says.empty()) out += ": " + printable(engine_says, 300);
  return out;
}

Classification classify(const Clues& clues) {
  Classification out;
  out.type = type_of(clues);
  out.drill = injected_fault(clues);
  if (out.drill) out.failed_at = out.drill->injected_at;
  const bool has_not_begun = clues.container && clues.container->status == "created" && clues.container->exit_code != 0;
  if (clues.container && (is_dead(*clues.container) || has_not_begun)) {
    out.exit_code = clues.container->exit_code;
    out.reason = death_reason(clues.container->exit_code, clues.container->oom_killed, clues.container->error);
  }
  if (out.failed_at || !clues.container || !is_dead(*clues.container)) return out;
  // A container that ended after the evidence began is not what the evidence was about.
  const auto& finished = clues.container->finished_at;
  if (finished && *finished <= clues.detected_at) out.failed_at = finished;
  return out;
}

}  // namespace heal::remedy
