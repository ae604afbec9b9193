#include <algorithm>

#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/direct/reach.h"
#include "healctl/service/faults.h"

namespace heal::ctl {
namespace {

class FaultsList final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"faults", "list"},
        .summary = "List the faults that are injected now.",
        .options = with_direct({{.names = "--all", .help = "also those that are undone", .set = into(all_)}}, direct_),
        .examples = {"healctl faults list", "healctl faults list --all -o json", "healctl faults list --direct"}};
  }

  Exit run(Context& context) override {
    if (const auto failed = reach_keeper(context, direct_, Binds::kGiven)) return *failed;
    const auto answer = context.service().get("/faults");
    if (!answer) return context.fail(answer.error());
    auto leases = leases_in(*answer, "GET /faults");
    if (!leases) return context.fail(leases.error());
    if (!context.wants_table()) {
      context.print_document(Json{{"faults", wanted(*answer, *leases)}});
      return Exit::kDone;
    }
    if (!all_) std::erase_if(*leases, is_over);
    if (leases->empty()) {
      context.say("no faults");
    } else {
      context.print(table_of(*leases, context.clock().now()));
    }
    return Exit::kDone;
  }

 private:
  static bool is_over(const FaultLease& lease) { return lease.state == FaultLease::State::kReverted; }

  Json wanted(const Json& answer, const std::vector<FaultLease>& leases) const {
    Json documents = Json::array();
    for (std::size_t i = 0; i < leases.size(); ++i) {
      if (all_ || !is_over(leases[i])) documents.push_back(answer.at("faults").at(i));
    }
    return documents;
  }

  bool all_ = false;
  DirectOptions direct_;
};

}  // namespace

std::unique_ptr<Command> make_faults_list() {
  return std::make_unique<FaultsList>();
}

}  // namespace heal::ctl
