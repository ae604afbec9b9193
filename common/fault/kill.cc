#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

class Kill : public EndedProcessFault {
 public:
  std::string_view kind() const override { return "kill"; }
  Status inject(const ContainerInfo& before, const Site& site) const override {
    return site.engine.kill(before.id, "KILL", site.deadline, site.stop);
  }
};

}  // namespace

std::unique_ptr<const Fault> make_kill() {
  return std::make_unique<Kill>();
}

}  // namespace heal::fault
