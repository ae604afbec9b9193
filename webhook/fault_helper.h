#pragma once

namespace heal::webhook {

/// `heal-webhook fault-helper kill --pid N --container ID`: what the service runs in a short-lived container with the
/// host's processes. Sends SIGKILL to that process if it is that container's. 0 done · 1 failed · 2 usage.
int run_fault_helper(int argc, const char* const* argv);

}  // namespace heal::webhook
