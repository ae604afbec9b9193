#include "webhook/store_gate.h"

#include <utility>

namespace heal::webhook {
namespace {

constexpr Duration kKeepFailure = 2s;

}  // namespace

Status StoreGate::ready() {
  {
    MutexLock lock(mutex_);
    if (failure_ && clock_.steady_now() < ask_again_) return *failure_;
    // Whoever comes while this one asks is told the old answer.
    ask_again_ = clock_.steady_now() + kKeepFailure;
  }
  Status asked = store_.check_writable();
  MutexLock lock(mutex_);
  failure_ = asked ? std::nullopt : std::optional(asked.error());
  return asked;
}

}  // namespace heal::webhook
