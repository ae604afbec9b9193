#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

class Kill : public EndedProcessFault {
 public:
  std::string_view kind() const override { return "kill"; }
  std::string_view summary() const override { return "SIGKILL through the engine, which does not restart it"; }
  Status inject(const ContainerInfo& before, const Recipe& /*recipe*/, const Site& site) const override {
    return site.engine.kill(before.id, "KILL", site.deadline, site.stop);
  }
};

}  // namespace

std::unique_ptr<const Fault> make_kill() {
  return std::make_unique<Kill>();
}

}  // namespace heal::fault
