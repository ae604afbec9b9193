#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

class Crash : public EndedProcessFault {
 public:
  std::string_view kind() const override { return "crash"; }
  std::string_view summary() const override { return "its main process is killed from outside, as a real crash"; }
  Status inject(const ContainerInfo& before, const Recipe& /*recipe*/, const Site& site) const override {
    return site.processes.kill_main_process(site.engine, before, site.deadline, site.stop);
  }
};

}  // namespace

std::unique_ptr<const Fault> make_crash() {
  return std::make_unique<Crash>();
}

}  // namespace heal::fault
