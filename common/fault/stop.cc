#include <algorithm>

#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

/// What the engine itself allows a container that was given no time of its own.
constexpr Duration kLongestGrace = 10s;

/// Engines count whole seconds and round up: a fault of less than two seconds leaves no time to end by itself.
Duration grace_for(Duration left) {
  return std::chrono::floor<std::chrono::seconds>(std::clamp<Duration>(left / 2, 0s, kLongestGrace));
}

class Stop : public EndedProcessFault {
 public:
  std::string_view kind() const override { return "stop"; }
  std::string_view summary() const override { return "stopped by the engine"; }
  Status inject(const ContainerInfo& before, const Recipe& /*recipe*/, const Site& site) const override {
    HEAL_TRY([[maybe_unused]] const auto change,
             site.engine.stop(before.id, grace_for(site.left), site.deadline, site.stop));
    return {};
  }
};

}  // namespace

std::unique_ptr<const Fault> make_stop() {
  return std::make_unique<Stop>();
}

}  // namespace heal::fault
