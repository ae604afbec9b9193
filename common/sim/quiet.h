#pragma once

namespace heal {

/// Whether every other thread of this process is asleep and was so throughout the call: nothing happens any more until
/// a clock, a socket or the caller moves. What has to be known before simulated time may pass. Reads /proc/self/task
/// (proc(5)).
bool all_others_sleep();

}  // namespace heal
