#include "common/system/late_stop.h"

#include <condition_variable>
#include <mutex>
#include <system_error>

namespace heal {

void LateStop::begin() {
  try {
    timer_ = std::jthread([this](const std::stop_token& over) {
      std::mutex mutex;
      std::condition_variable_any wake;
      std::unique_lock lock(mutex);
      wake.wait_for(lock, over, grace_, [] { return false; });
      if (!over.stop_requested()) late_.request_stop();
    });
  } catch (const std::system_error&) {  // no thread to spare
    late_.request_stop();
  }
}

}  // namespace heal
