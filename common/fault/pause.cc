#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

bool is_paused(const BrokenRun& found) {
  return found.info && found.same_run && found.info->status == "paused";
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
    return site.engine.unpause(recipe.container, site.deadline, site.stop);
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
