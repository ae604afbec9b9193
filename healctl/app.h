#pragma once

namespace heal::ctl {

/// healctl in the real world: its ports, terminal, environment and signals around a Program. Returns the exit code.
int run_healctl(int argc, char** argv);

}  // namespace heal::ctl
