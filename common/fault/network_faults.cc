#include <memory>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "common/fault/broken_run.h"
#include "common/fault/held_fault.h"
#include "common/fault/kinds.h"
#include "common/fault/protection.h"

namespace heal::fault {
namespace {

using Type = ParamSpec::Type;

ParamSpec percent(std::string_view help, std::string_view fallback) {
  return {"percent", help, Type::kWhole, fallback, 1, 100, {}, false};
}

/// Rules and queues in the container's own network namespace.
class NetworkFault : public HeldFault {
 public:
  using HeldFault::HeldFault;

  Status check(const ContainerInfo& before) const override {
    HEAL_TRY_STATUS(HeldFault::check(before));
    return check_own_network(before);
  }
  bool breaks_network() const override { return true; }

 protected:
  /// Needs parts of the kernel that some leave out.
  std::string_view probed_as() const override { return kind(); }
};

class Dependency : public NetworkFault {
 public:
  Dependency()
      : NetworkFault("dependency", "something that it needs is out of its reach, and of nobody else's",
                     {{"to",
                       "what it must not reach: a host's name as it knows it, or an IP address, with or without :PORT",
                       Type::kText,
                       "",
                       0,
                       0,
                       {},
                       true},
                      {"how",
                       "refuse: connections are refused. drop: they time out",
                       Type::kWord,
                       "refuse",
                       0,
                       0,
                       {"refuse", "drop"},
                       false}}) {}

  Status check_params(const Params& params) const override {
    HEAL_TRY([[maybe_unused]] const auto split, split_to(text_of(params, "to")));
    return {};
  }

  Status resolve(const ContainerInfo& before, Recipe& recipe, const Site& site) const override {
    HEAL_TRY_STATUS(NetworkFault::resolve(before, recipe, site));
    HEAL_TRY(const auto to, split_to(text_of(recipe.params, "to")));
    if (to.port != 0) recipe.params["port"] = std::to_string(to.port);
    // The holder asks for its address in the container's own network: it is what the container would be told.
    recipe.params["hosts"] = to.host;
    return {};
  }

 private:
  struct To {
    std::string host;
    std::int64_t port = 0;
  };
  static Result<To> split_to(const std::string& text) {
    To to{text, 0};
    const auto colon = text.rfind(':');
    const bool is_bare_v6 = colon != text.find(':') && !text.starts_with('[');
    if (colon != std::string::npos && !is_bare_v6 && !text.ends_with(']')) {
      to.host = text.substr(0, colon);
      to.port = parse_int(text.substr(colon + 1)).value_or(0);
      if (to.port < 1 || to.port > 65535) to.host.clear();
    }
    if (to.host.size() > 2 && to.host.starts_with('[') && to.host.ends_with(']'))
      to.host = to.host.substr(1, to.host.size() - 2);
    if (!to.host.empty()) return to;
    return make_error(ErrorCode::kInvalid,
                      "fault dependency: to: expected a host's name or an IP address, as db:5432, not \"{}\"",
                      printable(text));
  }
};

class Unseen : public NetworkFault {
 public:
  Unseen()
      : NetworkFault("unseen", "the monitoring cannot reach it, all others can",
                     {{"from",
                       "the hosts that cannot, with commas; when not given all containers of the monitoring",
                       Type::kText,
                       "",
                       0,
                       0,
                       {},
                       false}}) {}

  Status resolve(const ContainerInfo& before, Recipe& recipe, const Site& site) const override {
    HEAL_TRY_STATUS(NetworkFault::resolve(before, recipe, site));
    const std::string from = text_of(recipe.params, "from");
    if (from.empty()) return keep_monitoring(recipe, site);
    recipe.params["hosts"] = from;
    return {};
  }

 private:
  static Status keep_monitoring(Recipe& recipe, const Site& site) {
    HEAL_TRY(const auto all, site.engine.list(site.deadline, site.stop));
    std::vector<std::string> names;
    for (const ContainerInfo& each : all) {
      if (each.running() && is_monitoring(each)) names.push_back(each.name);
    }
    // Those that are in none of its networks do not see it anyway.
    recipe.params["missing"] = "allowed";
    recipe.params["hosts"] = fmt::format("{}", fmt::join(names, ","));
    if (!names.empty()) return {};
    return make_error(ErrorCode::kConflict,
                      "fault unseen: no container of the monitoring runs on this engine: say which with \"from\"");
  }
};

class HttpErrors : public NetworkFault {
 public:
  HttpErrors()
      : NetworkFault("http-errors", "HTTP errors in the place of its answers",
                     {{"port", "that it serves HTTP on, in the container", Type::kWhole, "80", 1, 65535, {}, false},
                      {"status", "of the answers", Type::kWhole, "503", 400, 599, {}, false},
                      percent("of the new connections that are answered so", "100")}) {}
};

ParamSpec delay(std::string_view name, std::string_view help, std::string_view fallback, std::int64_t least) {
  return {name, help, Type::kDuration, fallback, least, 60'000, {}, false};
}

}  // namespace

std::vector<std::unique_ptr<const Fault>> make_network_faults() {
  std::vector<std::unique_ptr<const Fault>> faults;
  const auto add = [&](std::string_view kind, std::string_view summary, std::vector<ParamSpec> params) {
    faults.push_back(std::make_unique<NetworkFault>(kind, summary, std::move(params)));
  };
  faults.push_back(std::make_unique<Dependency>());
  faults.push_back(std::make_unique<Unseen>());
  add("loss", "packets of it are lost",
      {percent("of the packets", "30"),
       {"direction", "as the container sees it", Type::kWord, "in", 0, 0, {"in", "out", "both"}, false}});
  faults.push_back(std::make_unique<HttpErrors>());
  add("bandwidth", "what it sends is slowed down",
      {{"rate", "bytes per second", Type::kSize, "64KiB", 1024, std::int64_t{1} << 30, {}, false}});
  add("latency", "what it sends arrives later",
      {delay("delay", "of each packet", "200ms", 1), delay("jitter", "more or less than that", "0ms", 0)});
  add("corrupt", "packets that it sends have a wrong bit", {percent("of the packets", "10")});
  add("duplicate", "packets that it sends arrive twice", {percent("of the packets", "10")});
  add("reorder", "packets that it sends overtake each other",
      {percent("of the packets that are not delayed", "25"), delay("delay", "of the others", "50ms", 1)});
  return faults;
}

}  // namespace heal::fault
