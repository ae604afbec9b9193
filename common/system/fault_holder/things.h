#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/port/fault_holder.h"
#include "common/system/fault_holder/holder.h"

namespace heal {

/// cpu, memory, pids: processes of ours in the control groups of the broken container.
std::unique_ptr<HeldThing> make_stress(const HolderOrder& order);
/// disk: a file without a name on one of its file systems.
std::unique_ptr<HeldThing> make_disk_fill(const HolderOrder& order);
/// dependency, unseen, loss, http-errors: a table of packet rules that the kernel takes away with our socket.
std::unique_ptr<HeldThing> make_packet_rules(const HolderOrder& order);
/// bandwidth, latency, corrupt, duplicate, reorder: a queueing discipline with a handle of ours.
std::unique_ptr<HeldThing> make_queue(const HolderOrder& order);

/// A setting that is a number; `fallback` when it is missing.
std::int64_t setting_number(const HolderOrder& order, const std::string& name, std::int64_t fallback);
std::string setting_text(const HolderOrder& order, const std::string& name);

constexpr std::int64_t kMiB = 1 << 20;
/// For messages: `256 MiB`, rounded down.
std::string mib(std::int64_t bytes);

}  // namespace heal
