#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/port/fault_holder.h"

namespace heal {

/// What a holder holds. One thread.
class HeldThing {
 public:
  virtual ~HeldThing() = default;
  /// kRefused, touching nothing, when this machine cannot, or a bound forbids it.
  virtual Status check() = 0;
  /// Brings it about; what there is now, for the log. After an Error end() must be called.
  virtual Result<std::string> begin() = 0;
  /// Takes it away, also what a holder of the same lease that was killed has left, and looks whether it is gone:
  /// kConflict when something is left. May be repeated.
  virtual Status end() = 0;
};

/// The program of a holder: does what `arguments` order (see holder_spec()), and blocks until it is over. Blocks
/// SIGTERM and SIGINT, which end it. Its words go to `say`, a line each. An exit code, see kHolderDone.
int run_fault_holder(const std::vector<std::string>& arguments, const std::function<void(const std::string&)>& say);

}  // namespace heal
