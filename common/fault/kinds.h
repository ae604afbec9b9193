#pragma once

#include <memory>
#include <vector>

#include "common/fault/fault.h"

namespace heal::fault {

/// Stopped through the engine, with its signal and grace. The engine's restart policy does not bring it back.
std::unique_ptr<const Fault> make_stop();
/// Killed through the engine, which counts as a wish: the restart policy does not bring it back either.
std::unique_ptr<const Fault> make_kill();
/// Its main process killed from outside, as a crash or the kernel's OOM killer would: the restart policy applies.
std::unique_ptr<const Fault> make_crash();
/// Frozen: alive, connections are accepted by the kernel, nothing answers.
std::unique_ptr<const Fault> make_pause();
/// Disconnected from all its networks. Undone with the endpoint settings that it had (aliases, fixed addresses).
std::unique_ptr<const Fault> make_partition();
/// In its network, by a holder: dependency, unseen, loss, http-errors, bandwidth, latency, corrupt, duplicate, reorder.
std::vector<std::unique_ptr<const Fault>> make_network_faults();
/// In its control groups and file systems, by a holder: cpu, memory, pids, disk.
std::vector<std::unique_ptr<const Fault>> make_resource_faults();
/// What Alertmanager knows of it is not told to anybody.
std::unique_ptr<const Fault> make_silence();

}  // namespace heal::fault
