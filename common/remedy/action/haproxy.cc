#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {
namespace {

// Bits of srv_admin_state that an operator sets (HAProxy management guide, "show servers state").
constexpr std::int64_t kForcedMaint = 0x01;
constexpr std::int64_t kForcedDrain = 0x08;
constexpr Duration kHaproxyLook = 5s;

/// A server as HAProxy's runtime API tells of it.
struct Server {
  std::string state;  ///< ready, drain or maint: what was asked for, whatever health checks say
  std::int64_t weight = 0;
};

class Runtime {
 public:
  Runtime(const ActionScope& scope, Deadline deadline, std::stop_token stop)
      : dialer_(scope.tools.dialer),
        socket_(scope.step.arguments.text("socket")),
        backend_(scope.step.arguments.text("backend")),
        server_(scope.step.arguments.text("server")),
        deadline_(deadline),
        stop_(std::move(stop)) {}

  std::string shown() const { return fmt::format("server {}/{}", backend_, server_); }

  Result<Server> look() {
    HEAL_TRY(const std::string answer, ask(fmt::format("show servers state {}", backend_)));
    std::vector<std::string_view> names;
    for (const auto line : split(answer, '\n')) {
      auto fields = split(line, ' ');
      if (fields.size() > 2 && fields[0] == "#") names.assign(fields.begin() + 1, fields.end());
      if (auto server = read(names, fields)) return *server;
    }
    if (names.empty())
      return make_error(ErrorCode::kNotFound, "HAProxy says of backend {}: {}", backend_, printable(trim(answer), 200));
    return make_error(ErrorCode::kNotFound, "HAProxy has no {}", shown());
  }

  /// `what` is `state drain` or `weight 50`. The runtime API says nothing when it has done so.
  Status set(const std::string& what) {
    HEAL_TRY(const std::string answer, ask(fmt::format("set server {}/{} {}", backend_, server_, what)));
    const auto words = trim(answer);
    if (words.empty()) return {};
    return make_error(ErrorCode::kRefused, "HAProxy says to \"{}\": {}", what, printable(words, 200));
  }

 private:
  Result<std::string> ask(const std::string& command) {
    auto answer = dialer_.exchange(socket_, command + "\n", deadline_, stop_);
    if (!answer.has_value()) return std::move(answer).error().with_context("HAProxy");
    return answer;
  }

  std::optional<Server> read(const std::vector<std::string_view>& names,
                             const std::vector<std::string_view>& fields) const {
    const auto field = [&](std::string_view name) -> std::string_view {
      const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
      return at < names.size() && at < fields.size() ? fields[at] : std::string_view();
    };
    if (field("srv_name") != server_ || field("be_name") != backend_) return std::nullopt;
    const auto admin = parse_int(field("srv_admin_state"));
    const auto weight = parse_int(field("srv_uweight"));
    if (!admin || !weight) return std::nullopt;
    return Server{(*admin & kForcedMaint) != 0 ? "maint" : (*admin & kForcedDrain) != 0 ? "drain" : "ready", *weight};
  }

  Dialer& dialer_;
  const std::string socket_, backend_, server_;
  const Deadline deadline_;
  const std::stop_token stop_;
};

/// What a server is to become; nullopt: as it is.
struct Wish {
  std::optional<std::string> state;
  std::optional<std::int64_t> weight;

  bool holds(const Server& server) const {
    return state.value_or(server.state) == server.state && weight.value_or(server.weight) == server.weight;
  }
};

Wish wish_of(const playbook::Arguments& arguments) {
  Wish wish;
  if (arguments.has("state")) wish.state = arguments.text("state");
  if (arguments.has("weight")) wish.weight = arguments.integer("weight");
  return wish;
}

std::string describe(const Server& server) {
  return fmt::format("{}, weight {}", server.state, server.weight);
}

Result<BeforeState> prepare_server(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  const auto& allowed = scope.world.bundle.config.allow.haproxy;
  if (std::find(allowed.begin(), allowed.end(), scope.step.arguments.text("socket")) == allowed.end())
    return make_error(ErrorCode::kRefused, "the socket is not under allow.haproxy in heal.yml");
  HEAL_TRY(const Server server, Runtime(scope, deadline, std::move(stop)).look());
  return BeforeState{{"state", server.state}, {"weight", fmt::format("{}", server.weight)}};
}

/// Sets what is wished, and looks whether it is so.
ActionResult apply(const ActionScope& scope, const Wish& wish, Deadline deadline, std::stop_token stop) {
  Runtime runtime(scope, deadline, std::move(stop));
  const auto before = runtime.look();
  if (!before.has_value()) return ActionResult::of_error(before.error());
  bool is_half_done = false;
  const auto failed = [&](ActionResult result) {
    if (is_half_done) result.outputs = {{"changed", "true"}};
    return result;
  };
  if (wish.weight && *wish.weight != before->weight) {
    const auto set = runtime.set(fmt::format("weight {}", *wish.weight));
    if (!set.has_value()) return ActionResult::of_error(set.error());
    is_half_done = true;
  }
  if (wish.state && *wish.state != before->state) {
    const auto set = runtime.set("state " + *wish.state);
    if (!set.has_value())
      return failed(is_half_done ? ActionResult::of_later_error(set.error()) : ActionResult::of_error(set.error()));
    is_half_done = true;
  }
  const auto now = runtime.look();
  if (!now.has_value())
    return failed(ActionResult::unknown(std::string(to_string(now.error().code())), now.error().str()));
  if (!wish.holds(*now))
    return failed(ActionResult::failed("not_taken", fmt::format("{} is {}", runtime.shown(), describe(*now))));
  const bool has_changed = !wish.holds(*before);
  return ActionResult::done(
      has_changed ? fmt::format("{}: {} -> {}", runtime.shown(), describe(*before), describe(*now))
                  : fmt::format("{} was {} already", runtime.shown(), describe(*now)),
      {{"changed", has_changed ? "true" : "false"}, {"state", now->state}, {"weight", fmt::format("{}", now->weight)}});
}

ActionResult set_server(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  return apply(scope, wish_of(scope.step.arguments), deadline, std::move(stop));
}

ProbeAnswer probe_server(const ActionScope& scope, const BeforeState&, WallTime, std::stop_token stop) {
  Runtime runtime(scope, scope.tools.clock.deadline_in(kHaproxyLook), std::move(stop));
  const auto now = runtime.look();
  if (!now.has_value()) return {Probed::kUnknown, now.error().str()};
  // A command is carried out before it is answered: what is not there now will not come.
  return {wish_of(scope.step.arguments).holds(*now) ? Probed::kHappened : Probed::kDidNotHappen,
          fmt::format("{} is {}", runtime.shown(), describe(*now))};
}

ActionResult restore_server(const ActionScope& scope, const BeforeState& found, Deadline deadline,
                            std::stop_token stop) {
  const auto state = found.find("state");
  const auto weight = found.find("weight");
  if (state == found.end() || weight == found.end())
    return ActionResult::failed("not_found", "the intent does not say how the server was");
  Wish wish;
  if (scope.step.arguments.has("state")) wish.state = state->second;
  if (scope.step.arguments.has("weight")) wish.weight = parse_int(weight->second);
  return apply(scope, wish, deadline, std::move(stop));
}

bool was_server_so(const playbook::PlannedStep& step, const BeforeState& found) {
  const auto state = found.find("state");
  const auto weight = found.find("weight");
  if (state == found.end() || weight == found.end()) return false;
  return wish_of(step.arguments).holds({state->second, parse_int(weight->second).value_or(-1)});
}

}  // namespace

const ActionKind kHaproxyServer{"haproxy.server", prepare_server, set_server,
                                probe_server,     restore_server, was_server_so};

}  // namespace heal::remedy
