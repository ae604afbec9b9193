#include <algorithm>

#include <fmt/format.h>

#include "common/remedy/action/action.h"

namespace heal::remedy {
namespace {

Host::Caches caches_of(const std::string& word) {
  if (word == "slab") return Host::Caches::kSlab;
  return word == "all" ? Host::Caches::kAll : Host::Caches::kPageCache;
}

ActionResult drop_caches(const ActionScope& scope, const BeforeState&, Deadline, std::stop_token) {
  const auto& allowed = scope.world.bundle.config.allow.host;
  if (std::find(allowed.begin(), allowed.end(), "drop_caches") == allowed.end())
    return ActionResult::failed("refused", "drop_caches is not under allow.host in heal.yml");
  if (scope.tools.host == nullptr) return ActionResult::failed("unreachable", "this machine is not in reach");
  const std::string& what = scope.step.arguments.text("what");
  const Status dropped = scope.tools.host->drop_caches(caches_of(what));
  if (!dropped.has_value())
    return ActionResult::failed(std::string(to_string(dropped.error().code())), dropped.error().str());
  return ActionResult::done(fmt::format("the kernel was told to forget its caches ({})", what));
}

}  // namespace

const ActionKind kHostDropCaches{"host.drop_caches", nullptr, drop_caches, nullptr};

}  // namespace heal::remedy
