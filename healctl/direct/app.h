#pragma once

#include <string>
#include <vector>

#include "common/port/clock.h"
#include "healctl/direct/ports.h"

namespace heal::ctl {

/// The real world of `--direct`. `clock` must outlive it.
DirectPorts system_direct_ports(Clock& clock);

/// Whether this process was begun by such ports to be a keeper.
bool is_fault_keeper(int argc, char** argv);
/// Is one until its faults are over, with a second process that begins it anew when it is killed: the rest of the
/// command line that the ports made. Only before any thread was begun.
int run_fault_keeper(const std::vector<std::string>& arguments);

}  // namespace heal::ctl
