#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <memory>
#include <net/if.h>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/system/fault_holder/netlink.h"
#include "common/system/fault_holder/things.h"

namespace heal {
namespace {

/// By it our queues are known again. Nobody who numbers by hand begins there.
constexpr std::uint32_t kHandle = 0x4ea10000;
constexpr std::uint32_t kLongestQueue = 1000;
constexpr std::uint32_t kLeastBurst = 4096;

struct Interface {
  int index = 0;
  std::string name;
};

struct Queue {
  int index = 0;
  std::uint32_t handle = 0, parent = 0;
};

template <typename T>
T head_of(std::string_view payload) {
  T head{};
  std::memcpy(&head, payload.data(), std::min(payload.size(), sizeof head));
  return head;
}

std::string_view after_head(std::string_view payload, std::size_t size) {
  return payload.substr(std::min<std::size_t>(NLMSG_ALIGN(size), payload.size()));
}

/// All but the loopback.
Result<std::vector<Interface>> interfaces(NetlinkSocket& socket) {
  ifinfomsg all{};
  std::vector<Interface> found;
  const auto on_entry = [&](std::uint16_t type, std::string_view payload) {
    const auto head = head_of<ifinfomsg>(payload);
    if (type != RTM_NEWLINK || (head.ifi_flags & static_cast<unsigned>(IFF_LOOPBACK)) != 0) return;
    const auto name = find_attribute(after_head(payload, sizeof head), IFLA_IFNAME);
    found.push_back({head.ifi_index, std::string(name.substr(0, name.find('\0')))});
  };
  HEAL_TRY_STATUS(socket.dump({RTM_GETLINK, NLM_F_DUMP, raw_bytes(all)}, on_entry));
  return found;
}

Result<std::vector<Queue>> root_queues(NetlinkSocket& socket) {
  tcmsg all{};
  std::vector<Queue> found;
  const auto on_entry = [&](std::uint16_t type, std::string_view payload) {
    const auto head = head_of<tcmsg>(payload);
    if (type == RTM_NEWQDISC && head.tcm_parent == TC_H_ROOT)
      found.push_back({head.tcm_ifindex, head.tcm_handle, head.tcm_parent});
  };
  HEAL_TRY_STATUS(socket.dump({RTM_GETQDISC, NLM_F_DUMP, raw_bytes(all)}, on_entry));
  return found;
}

tcmsg root_of(int index) {
  tcmsg head{};
  head.tcm_ifindex = index;
  head.tcm_handle = kHandle;
  head.tcm_parent = TC_H_ROOT;
  return head;
}

std::uint32_t probability(std::int64_t percent) {
  return static_cast<std::uint32_t>(percent * 0xffffffffLL / 100);
}

/// At the root of each interface of the container but the loopback, where nobody else has one. Never in the place of
/// another, and only taken away when it is ours.
class QueueFault : public HeldThing {
 public:
  explicit QueueFault(const HolderOrder& order) : order_(order) {}

  /// In the network namespace of a probe, or of the container: the loopback of the former is nobody's.
  Status check() override {
    HEAL_TRY(auto socket, NetlinkSocket::open(NETLINK_ROUTE));
    if (order_.task == HolderOrder::Task::kProbe) return probe(socket);
    HEAL_TRY(const auto queues, root_queues(socket));
    HEAL_TRY(const auto all, interfaces(socket));
    if (all.empty()) return make_error(ErrorCode::kRefused, "fault {}: the container has no interface", order_.kind);
    for (const Interface& each : all) {
      const auto is_taken = [&](const Queue& queue) { return queue.index == each.index && queue.handle != 0; };
      if (std::none_of(queues.begin(), queues.end(), is_taken)) continue;
      return make_error(ErrorCode::kRefused,
                        "fault {}: somebody else has put a queueing discipline on {} of the container", order_.kind,
                        each.name);
    }
    return {};
  }

  Result<std::string> begin() override {
    HEAL_TRY(auto socket, NetlinkSocket::open(NETLINK_ROUTE));
    HEAL_TRY(const auto all, interfaces(socket));
    for (const Interface& each : all) {
      HEAL_TRY(const int error, socket.ask({addition(each.index)}));
      if (error == ENOENT) return not_there();
      if (error != 0) return errno_error(error, fmt::format("put {} on {}", discipline(), each.name));
    }
    return fmt::format("{} on {} interfaces", discipline(), all.size());
  }

  Status end() override {
    HEAL_TRY(auto socket, NetlinkSocket::open(NETLINK_ROUTE));
    HEAL_TRY(const auto before, root_queues(socket));
    for (const Queue& queue : before) {
      if (queue.handle != kHandle) continue;
      HEAL_TRY([[maybe_unused]] const int error, socket.ask({removal(queue.index)}));
    }
    HEAL_TRY(const auto after, root_queues(socket));
    const auto is_ours = [](const Queue& queue) { return queue.handle == kHandle; };
    if (std::none_of(after.begin(), after.end(), is_ours)) return {};
    return make_error(ErrorCode::kConflict, "a queueing discipline of fault {} is still there", order_.kind);
  }

 private:
  std::string_view discipline() const { return order_.kind == "bandwidth" ? "tbf" : "netem"; }

  Error not_there() const {
    return Error(ErrorCode::kRefused,
                 fmt::format("fault {}: the kernel of this engine's machine has no {} (module sch_{})", order_.kind,
                             discipline(), discipline()));
  }

  Status probe(NetlinkSocket& socket) const {
    const auto loopback = static_cast<int>(::if_nametoindex("lo"));
    HEAL_TRY(const int error, socket.ask({addition(loopback)}));
    if (error == ENOENT) return not_there();
    if (error != 0) return errno_error(error, fmt::format("fault {}: try {}", order_.kind, discipline()));
    HEAL_TRY([[maybe_unused]] const int gone, socket.ask({removal(loopback)}));
    return {};
  }

  NetlinkMessage addition(int index) const {
    const tcmsg head = root_of(index);
    NetlinkMessage message(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, raw_bytes(head));
    message.text(TCA_KIND, discipline());
    if (order_.kind == "bandwidth") {
      add_tbf(message);
    } else {
      add_netem(message);
    }
    return message;
  }

  static NetlinkMessage removal(int index) {
    const tcmsg head = root_of(index);
    return {RTM_DELQDISC, NLM_F_ACK, raw_bytes(head)};
  }

  void add_tbf(NetlinkMessage& message) const {
    const auto rate = static_cast<std::uint32_t>(setting_number(order_, "rate", 65536));
    const std::uint32_t burst = std::max(rate / 20, kLeastBurst);
    tc_tbf_qopt options{};
    options.rate.rate = rate;
    options.rate.linklayer = TC_LINKLAYER_ETHERNET;
    // A second of it waits; what comes beyond is lost, as in a real queue.
    options.limit = std::max(rate, 4 * burst);
    message.nest(TCA_OPTIONS, [&](NetlinkMessage& inner) {
      inner.bytes(TCA_TBF_PARMS, raw_bytes(options));
      inner.host32(TCA_TBF_BURST, burst);
    });
  }

  void add_netem(NetlinkMessage& message) const {
    const auto nanoseconds = [&](const std::string& name, std::int64_t fallback) {
      return setting_number(order_, name, fallback) * 1'000'000;
    };
    const std::uint32_t share = probability(setting_number(order_, "percent", 10));
    tc_netem_qopt options{};
    options.limit = kLongestQueue;
    if (order_.kind == "duplicate") options.duplicate = share;
    if (order_.kind == "reorder") options.gap = 1;
    message.block(TCA_OPTIONS, raw_bytes(options), [&](NetlinkMessage& inner) {
      const bool is_late = order_.kind == "latency" || order_.kind == "reorder";
      if (is_late) inner.bytes(TCA_NETEM_LATENCY64, raw_bytes(nanoseconds("delay", 200)));
      if (order_.kind == "latency") inner.bytes(TCA_NETEM_JITTER64, raw_bytes(nanoseconds("jitter", 0)));
      if (order_.kind == "corrupt") inner.bytes(TCA_NETEM_CORRUPT, raw_bytes(tc_netem_corrupt{share, 0}));
      if (order_.kind == "reorder") inner.bytes(TCA_NETEM_REORDER, raw_bytes(tc_netem_reorder{share, 0}));
    });
  }

  const HolderOrder order_;
};

}  // namespace

std::unique_ptr<HeldThing> make_queue(const HolderOrder& order) {
  return std::make_unique<QueueFault>(order);
}

}  // namespace heal
