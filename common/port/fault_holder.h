#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/container.h"

namespace heal {

/// What a fault holder has to do. A holder is a container of our own image that brings a fault about from outside of
/// the broken container, keeps it up, and takes it away again at its end, by itself: whoever started it may be dead.
struct HolderOrder {
  enum class Task {
    kHold,   ///< until its time is over, it is told to stop, or the broken container's main process ends
    kProbe,  ///< touches nothing: only says whether this machine can do it
    kSweep,  ///< takes away what a holder that was killed may have left, and makes sure that nothing is
  };
  Task task = Task::kHold;
  std::string kind;       ///< of the fault: cpu, loss …; kMarkKind
  std::string lease;      ///< its id: letters and digits
  std::string container;  ///< id of the broken one, 64 hex digits
  std::int64_t pid = 0;   ///< its main process
  Duration left{};        ///< until the fault ends; whole milliseconds
  std::map<std::string, std::string> settings;

  bool operator==(const HolderOrder&) const = default;
};

/// The kind of a holder that breaks nothing: its label tells of a fault that the engine itself keeps up.
inline constexpr std::string_view kMarkKind = "mark";
/// The label of a holder with its lease as JSON.
inline constexpr std::string_view kLeaseLabel = "heal.fault.lease";
/// Label heal.role of a holder, as of every helper of ours.
inline constexpr std::string_view kHelperRole = "fault-helper";
/// What the names of all helpers of ours begin with.
inline constexpr std::string_view kHelperPrefix = "heal-fault-helper-";
/// What a holder runs when nothing else is said.
inline const std::vector<std::string> kHolderProgram{"heal-webhook", "fault-helper"};
/// A line of its log that begins with this says that the fault is in force.
inline constexpr std::string_view kAppliedWord = "applied";

/// How a holder ends.
inline constexpr int kHolderDone = 0;     ///< nothing of the fault is left, and it looked
inline constexpr int kHolderFailed = 1;   ///< what it wrote to stderr
inline constexpr int kHolderRefused = 4;  ///< the same, and nothing was touched

/// Whether a container bears the marks of a helper of ours: name and role. Anybody can give them to one, but not our
/// image.
bool has_marks_of_helper(const ContainerInfo& container);
/// Whether a holder with this order breaks the container's network, which is that of all who share it, or asks whether
/// it could. One that sweeps only takes away.
bool breaks_network(const HolderOrder& order);
/// The name of the container that holds this lease's fault.
std::string holder_name(const HolderOrder& order);
/// The container: only what the kind needs (the broken container's network, the host's processes, its control groups),
/// one capability at most, no network of its own. Whoever filters an engine's API lets exactly this pass.
/// `lease_text` becomes kLeaseLabel.
ContainerSpec holder_spec(const std::string& image, const HolderOrder& order, const std::string& lease_text,
                          const std::vector<std::string>& program = kHolderProgram);

/// The arguments that holder_spec() gives the program, read back. kInvalid for any others.
Result<HolderOrder> parse_holder_arguments(const std::vector<std::string>& arguments);

}  // namespace heal
