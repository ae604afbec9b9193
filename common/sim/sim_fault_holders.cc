#include "common/sim/sim_fault_holders.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace heal {
namespace {

using Task = HolderOrder::Task;

constexpr Duration kCallTime = 10s;

}  // namespace

SimFaultHolders::SimFaultHolders(SimContainerEngine& engine, Clock& clock) : engine_(engine), clock_(clock) {
  engine_.on_run([this](const ContainerSpec& spec, const ContainerInfo& info) { return run(spec, info); });
}

std::int64_t SimFaultHolders::end_with(const ContainerInfo& info, std::int64_t code, const std::string& words) {
  engine_.append_log(info.name, words);
  return code;
}

std::optional<std::int64_t> SimFaultHolders::run(const ContainerSpec& spec, const ContainerInfo& info) {
  const auto order = parse_holder_arguments(spec.command);
  if (!order) return end_with(info, kHolderRefused, order.error().message());
  std::string trouble;
  {
    MutexLock lock(mutex_);
    if (order->task == Task::kSweep) {
      std::erase_if(held_, [&](const Held& held) { return held.order.lease == order->lease; });
    }
    if (const auto found = trouble_.find(order->kind); found != trouble_.end()) trouble = found->second;
  }
  if (order->task == Task::kSweep) return kHolderDone;
  if (trouble == "lacks") return end_with(info, kHolderRefused, fmt::format("this kernel has no {}", order->kind));
  if (order->task == Task::kProbe) return kHolderDone;
  if (trouble == "breaks") return end_with(info, kHolderFailed, fmt::format("no {} today", order->kind));
  SimProgram program;
  program.on_term = kHolderDone;
  engine_.set_program(info.name, program);
  engine_.append_log(info.name, fmt::format("{} {}", kAppliedWord, order->kind));
  MutexLock lock(mutex_);
  held_.push_back({*order, info.id, clock_.steady_now() + order->left});
  return std::nullopt;
}

void SimFaultHolders::pass_time() {
  std::vector<std::string> over;
  {
    MutexLock lock(mutex_);
    for (const Held& held : held_) {
      if (held.due <= clock_.steady_now()) over.push_back(held.id);
    }
  }
  for (const std::string& id : over) {
    const auto info = engine_.inspect(id, clock_.deadline_in(kCallTime), {});
    if (info && info->running()) engine_.crash(info->name, kHolderDone);
  }
}

void SimFaultHolders::lack(const std::string& kind) {
  MutexLock lock(mutex_);
  trouble_[kind] = "lacks";
}

void SimFaultHolders::break_down(const std::string& kind) {
  MutexLock lock(mutex_);
  trouble_[kind] = "breaks";
}

void SimFaultHolders::leave_behind(const std::string& kind) {
  MutexLock lock(mutex_);
  trouble_[kind] = "stays";
}

bool SimFaultHolders::is_held(const Held& held) {
  const auto info = engine_.inspect(held.id, clock_.deadline_in(kCallTime), {});
  if (info && info->running()) return true;
  const bool was_killed = !info || info->exit_code != kHolderDone;
  MutexLock lock(mutex_);
  const auto found = trouble_.find(held.order.kind);
  return was_killed && found != trouble_.end() && found->second == "stays";
}

std::vector<std::string> SimFaultHolders::faults_in(const std::string& container) {
  std::vector<Held> all;
  {
    MutexLock lock(mutex_);
    all = held_;
  }
  std::vector<std::string> kinds;
  for (const Held& held : all) {
    if (held.order.container == container && is_held(held)) kinds.push_back(held.order.kind);
  }
  return kinds;
}

}  // namespace heal
