#pragma once

#include <memory>

#include "common/probe/run.h"

namespace heal::probe {

/// A probe of a module with `confirm`: a run of `make_run`'s, and when that fails further ones. Its outcome is the
/// first one's, with what the others said beside it. It waits between attempts as a timer of the loop and ends the
/// first attempt at `deadline` itself; each further one has `timeout`, whatever the loop's lag has left the first; who
/// starts it aborts it at end_of_confirming(). All references must outlive it.
std::unique_ptr<ProbeRun> make_confirming_run(const ProbeRequest& request, ProbeIo& io, RunLog& log, RunMaker make_run,
                                              Deadline deadline, Duration timeout);

/// When a probe with `deadline` has ended whatever happens, asking again included.
Deadline end_of_confirming(const ProbeRequest& request, Deadline deadline);

}  // namespace heal::probe
