#include "common/fault/held_fault.h"

#include <utility>

#include "common/base/text.h"
#include "common/fault/broken_run.h"

namespace heal::fault {
namespace {

using Task = HolderOrder::Task;

constexpr Duration kLookAgain = 50ms;
constexpr Duration kHolderGrace = 5s;
/// For taking away a helper whose time is spent.
constexpr Duration kCleanUpTime = 5s;
constexpr int kLogLines = 5;
constexpr std::size_t kLogBytes = 1000;

bool is_running(const ContainerInfo& holder) {
  return holder.running() || holder.status == "created" || holder.status == "restarting";
}

HolderOrder order_of(Task task, std::string_view kind, const Recipe& recipe, const Site& site) {
  return {task,         std::string(kind), recipe.lease, recipe.container, recipe.pid, std::max(site.left, Duration(0)),
          recipe.params};
}

Result<std::optional<ContainerInfo>> find_holder(const std::string& name, const Site& site) {
  auto info = site.engine.inspect(name, site.deadline, site.stop);
  if (info) return std::optional(std::move(*info));
  if (info.error().code() == ErrorCode::kNotFound) return std::optional<ContainerInfo>();
  return std::move(info).error().with_context("fault holder");
}

std::string words_of(const std::string& holder, const Site& site) {
  return site.engine.logs_tail(holder, kLogLines, kLogBytes, site.deadline, site.stop).value_or("");
}

/// What a holder that has ended says of itself.
Status outcome_of(const ContainerInfo& holder, const Site& site) {
  if (holder.exit_code == kHolderDone) return {};
  const std::string words = printable(trim(words_of(holder.id, site)), 300);
  if (holder.exit_code == kHolderRefused) return make_error(ErrorCode::kRefused, "{}", words);
  return make_error(ErrorCode::kConflict, "the fault holder ended with {}: {}", holder.exit_code, words);
}

Status remove_by(Deadline deadline, const std::string& holder, const Site& site) {
  // Also when the caller has left: a holder that stays would be in the way of the next one.
  auto removed = site.engine.remove(holder, deadline, {});
  if (removed || removed.error().code() == ErrorCode::kNotFound) return {};
  return std::move(removed).with_context("fault holder");
}

Status remove_one(const std::string& holder, const Site& site) {
  return remove_by(site.deadline, holder, site);
}

Status check_image(const Site& site, std::string_view kind) {
  if (!site.holder.image.empty()) return {};
  return make_error(ErrorCode::kRefused,
                    "fault {} needs a holder in a container of promheal's own image: set faults.helper_image in "
                    "heal.yml",
                    kind);
}

/// What a holder says that is run to its end.
Status hear(const ContainerSpec& spec, const Site& site) {
  HEAL_TRY(const std::string id, site.engine.run(spec, site.deadline, site.stop).with_context("fault holder"));
  ContainerInfo ended;
  ended.id = id;
  HEAL_TRY(ended.exit_code, site.engine.wait(id, site.deadline, site.stop).with_context("fault holder"));
  return outcome_of(ended, site);
}

/// Runs a holder to its end and takes it away, also when there was no answer in time; what it said.
Status run_once(Task task, std::string_view kind, const Recipe& recipe, const Site& site) {
  const HolderOrder order = order_of(task, kind, recipe, site);
  HEAL_TRY_STATUS(remove_one(holder_name(order), site));
  const Status outcome = hear(holder_spec(site.holder.image, order, "", site.holder.entrypoint), site);
  Status removed = remove_by(site.deadline + kCleanUpTime, holder_name(order), site);
  return outcome ? removed : outcome;
}

/// Until the holder says that the fault is in force.
Status wait_until_applied(const std::string& id, const Site& site) {
  for (;;) {
    HEAL_TRY(const auto holder, find_holder(id, site));
    if (!holder) return make_error(ErrorCode::kConflict, "the fault holder was removed");
    const bool is_applied = words_of(id, site).find(kAppliedWord) != std::string::npos;
    if (!is_running(*holder)) {
      HEAL_TRY_STATUS(outcome_of(*holder, site));
      return make_error(ErrorCode::kConflict, "the fault holder has ended at once: {}",
                        printable(trim(words_of(id, site)), 300));
    }
    if (is_applied) return {};
    if (site.clock.steady_now() + kLookAgain > site.deadline)
      return make_error(ErrorCode::kTimeout, "the fault holder does not say that the fault is in force");
    if (site.clock.sleep_for(kLookAgain, site.stop) == Clock::Wake::kStopped)
      return make_error(ErrorCode::kCancelled, "stopped while the fault was injected");
  }
}

/// Whether the run that was broken goes on: a later one has namespaces and processes of its own, that the fault never
/// was in.
Result<bool> is_same_run(const Recipe& recipe, const Site& site) {
  HEAL_TRY(const auto found, look_at(recipe, site));
  return found.info && found.same_run && found.info->pid == recipe.pid;
}

enum class Ending { kClean, kUnknown };

/// Stops the holder of that name. Clean when it says that nothing of the fault is left; when it was killed, or there is
/// none, nobody says so.
Result<Ending> end_holder(const std::string& name, const Site& site) {
  HEAL_TRY(auto holder, find_holder(name, site));
  if (holder && is_running(*holder)) {
    HEAL_TRY_STATUS(site.engine.stop(holder->id, kHolderGrace, site.deadline, site.stop));
    HEAL_TRY(holder, find_holder(name, site));
  }
  if (!holder || is_running(*holder)) return Ending::kUnknown;
  const bool is_clean = holder->exit_code == kHolderDone || holder->exit_code == kHolderRefused;
  return is_clean ? Ending::kClean : Ending::kUnknown;
}

}  // namespace

Status HeldFault::check(const ContainerInfo& before) const {
  return check_running(before);
}

Status HeldFault::resolve(const ContainerInfo& /*before*/, Recipe& recipe, const Site& site) const {
  HEAL_TRY_STATUS(check_image(site, kind()));
  return run_once(Task::kProbe, probed_as(), recipe, site);
}

std::string_view HeldFault::probed_as() const {
  return kMarkKind;
}

Status HeldFault::inject(const ContainerInfo& /*before*/, const Recipe& recipe, const Site& site) const {
  HEAL_TRY_STATUS(check_image(site, kind()));
  const ContainerSpec spec =
      holder_spec(site.holder.image, order_of(Task::kHold, kind(), recipe, site), site.label, site.holder.entrypoint);
  HEAL_TRY(const std::string id, site.engine.run(spec, site.deadline, site.stop).with_context("fault holder"));
  return wait_until_applied(id, site);
}

Status HeldFault::undo(const Recipe& recipe, const Site& site) const {
  const std::string name = holder_name(order_of(Task::kHold, kind(), recipe, site));
  HEAL_TRY(const Ending ending, end_holder(name, site));
  if (ending == Ending::kUnknown) {
    HEAL_TRY(const bool may_be_left, is_same_run(recipe, site));
    if (may_be_left && !site.holder.image.empty()) HEAL_TRY_STATUS(run_once(Task::kSweep, kind(), recipe, site));
  }
  return remove_one(name, site);
}

Status HeldFault::verify_undone(const Recipe& recipe, const Site& site) const {
  const std::string name = holder_name(order_of(Task::kHold, kind(), recipe, site));
  HEAL_TRY(const auto holder, find_holder(name, site));
  if (!holder) return {};
  HEAL_TRY(const bool may_be_left, is_same_run(recipe, site));
  if (!may_be_left) return {};
  if (is_running(*holder)) return make_error(ErrorCode::kConflict, "the holder of fault {} still runs", kind());
  return outcome_of(*holder, site);
}

Status set_mark(const Recipe& recipe, const Site& site) {
  if (site.holder.image.empty()) return {};
  Recipe bare = recipe;
  bare.params.clear();
  bare.pid = std::max<std::int64_t>(bare.pid, 2);
  const HolderOrder order = order_of(Task::kHold, kMarkKind, bare, site);
  const ContainerSpec spec = holder_spec(site.holder.image, order, site.label, site.holder.entrypoint);
  HEAL_TRY_STATUS(site.engine.run(spec, site.deadline, site.stop).with_context("fault mark"));
  return {};
}

Status remove_holder(const std::string& lease, const Site& site) {
  HolderOrder order;
  order.lease = lease;
  return remove_one(holder_name(order), site);
}

}  // namespace heal::fault
