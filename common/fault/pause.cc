#include <algorithm>

#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

bool is_paused(const BrokenRun& found) {
  return found.info && found.same_run && found.info->status == "paused";
}

/// After an unpause Docker may hear late, from its runtime, of the pause before it, and takes the container for paused
/// until it hears of the unpause too, some milliseconds later.
constexpr Duration kHearsay = 2s;
constexpr Duration kLookAgain = 20ms;

/// Until the engine says that the container goes on, or for so long that it can be no hearsay.
Status wait_until_it_goes_on(const Recipe& recipe, const Site& site) {
  const SteadyTime end = std::min(site.deadline, site.clock.steady_now() + kHearsay);
  for (;;) {
    HEAL_TRY(const auto found, look_at(recipe, site));
    if (!is_paused(found) || site.clock.steady_now() >= end) return {};
    if (site.clock.sleep_for(kLookAgain, site.stop) == Clock::Wake::kStopped)
      return make_error(ErrorCode::kCancelled, "stopped while container {} was unpaused", found.info->name);
  }
}

class Pause : public Fault {
 public:
  std::string_view kind() const override { return "pause"; }
  std::string_view summary() const override { return "frozen"; }
  Status check(const ContainerInfo& before) const override { return check_running(before); }
  Status inject(const ContainerInfo& before, const Recipe& /*recipe*/, const Site& site) const override {
    return site.engine.pause(before.id, site.deadline, site.stop);
  }
  Status undo(const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(const auto found, look_at(recipe, site));
    if (!is_paused(found)) return {};
    HEAL_TRY_STATUS(site.engine.unpause(recipe.container, site.deadline, site.stop));
    return wait_until_it_goes_on(recipe, site);
  }
  Status verify_undone(const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(const auto found, look_at(recipe, site));
    if (!is_paused(found)) return {};
    return make_error(ErrorCode::kConflict, "container {} is still paused", found.info->name);
  }
};

}  // namespace

std::unique_ptr<const Fault> make_pause() {
  return std::make_unique<Pause>();
}

}  // namespace heal::fault
