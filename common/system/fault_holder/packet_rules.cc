#include <arpa/inet.h>
#include <cerrno>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/ip_address.h"
#include "common/system/fault_holder/http_answers.h"
#include "common/system/fault_holder/netlink.h"
#include "common/system/fault_holder/things.h"

namespace heal {
namespace {

constexpr std::uint32_t kOwnedByUs = 2;  // NFT_TABLE_F_OWNER, since Linux 5.12: older headers do not have it
constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint32_t kLoopbackIndex = 1;
constexpr int kFilterPriority = -10;
constexpr int kNatPriority = -110;

std::string header_for(std::uint8_t family, std::uint16_t resource = 0) {
  const nfgenmsg header{family, NFNETLINK_V0, htons(resource)};
  return std::string(raw_bytes(header));
}

NetlinkMessage table_message(std::uint16_t what, std::uint16_t flags) {
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | what);
  return {type, static_cast<std::uint16_t>(flags | NLM_F_ACK), header_for(NFPROTO_INET)};
}

/// What a rule does, one expression after the other.
class Rule {
 public:
  explicit Rule(NetlinkMessage& list) : list_(list) {}

  Rule& expression(std::string_view name, const std::function<void(NetlinkMessage&)>& data) {
    list_.nest(NFTA_LIST_ELEM, [&](NetlinkMessage& element) {
      element.text(NFTA_EXPR_NAME, name);
      element.nest(NFTA_EXPR_DATA, data);
    });
    return *this;
  }
  Rule& meta(std::uint32_t key) {
    return expression("meta", [&](NetlinkMessage& data) {
      data.net32(NFTA_META_DREG, kRegister);
      data.net32(NFTA_META_KEY, key);
    });
  }
  Rule& payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
    return expression("payload", [&](NetlinkMessage& data) {
      data.net32(NFTA_PAYLOAD_DREG, kRegister);
      data.net32(NFTA_PAYLOAD_BASE, base);
      data.net32(NFTA_PAYLOAD_OFFSET, offset);
      data.net32(NFTA_PAYLOAD_LEN, length);
    });
  }
  Rule& compare(std::uint32_t how, std::string_view value) {
    return expression("cmp", [&](NetlinkMessage& data) {
      data.net32(NFTA_CMP_SREG, kRegister);
      data.net32(NFTA_CMP_OP, how);
      data.nest(NFTA_CMP_DATA, [&](NetlinkMessage& inner) { inner.bytes(NFTA_DATA_VALUE, value); });
    });
  }
  Rule& is_byte(std::uint8_t value) { return compare(NFT_CMP_EQ, raw_bytes(value)); }
  Rule& is_port(std::int64_t port) {
    const std::uint16_t value = htons(static_cast<std::uint16_t>(port));
    return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2).compare(NFT_CMP_EQ, raw_bytes(value));
  }
  Rule& not_loopback(std::uint32_t interface_key) {
    return meta(interface_key).compare(NFT_CMP_NEQ, raw_bytes(kLoopbackIndex));
  }
  /// Holds for so many of a hundred, at random.
  Rule& percent(std::int64_t share) {
    if (share >= 100) return *this;
    expression("numgen", [&](NetlinkMessage& data) {
      data.net32(NFTA_NG_DREG, kRegister);
      data.net32(NFTA_NG_MODULUS, 100);
      data.net32(NFTA_NG_TYPE, NFT_NG_RANDOM);
    });
    expression("byteorder", [&](NetlinkMessage& data) {
      data.net32(NFTA_BYTEORDER_SREG, kRegister);
      data.net32(NFTA_BYTEORDER_DREG, kRegister);
      data.net32(NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
      data.net32(NFTA_BYTEORDER_LEN, 4);
      data.net32(NFTA_BYTEORDER_SIZE, 4);
    });
    const std::uint32_t bound = htonl(static_cast<std::uint32_t>(share));
    return compare(NFT_CMP_LT, raw_bytes(bound));
  }
  /// The packet's other end: where it goes, or where it comes from.
  enum class End { kTo, kFrom };
  Rule& address(End end, const IpAddress& address) {
    const bool v6 = address.is_v6();
    meta(NFT_META_NFPROTO).is_byte(v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    const std::uint32_t from = v6 ? 8 : 12;
    const std::uint32_t length = v6 ? 16 : 4;
    payload(NFT_PAYLOAD_NETWORK_HEADER, end == End::kFrom ? from : from + length, length);
    return compare(NFT_CMP_EQ, address.raw());
  }
  Rule& drop() {
    return expression("immediate", [](NetlinkMessage& data) {
      data.net32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      data.nest(NFTA_IMMEDIATE_DATA, [](NetlinkMessage& inner) {
        inner.nest(NFTA_DATA_VERDICT, [](NetlinkMessage& verdict) { verdict.net32(NFTA_VERDICT_CODE, NF_DROP); });
      });
    });
  }
  Rule& reject(std::uint32_t type) {
    return expression("reject", [&](NetlinkMessage& data) {
      const std::uint8_t code = NFT_REJECT_ICMPX_PORT_UNREACH;
      data.net32(NFTA_REJECT_TYPE, type);
      if (type == NFT_REJECT_ICMPX_UNREACH) data.bytes(NFTA_REJECT_ICMP_CODE, raw_bytes(code));
    });
  }
  Rule& redirect(std::uint16_t port) {
    const std::uint16_t value = htons(port);
    expression("immediate", [&](NetlinkMessage& data) {
      data.net32(NFTA_IMMEDIATE_DREG, kRegister);
      data.nest(NFTA_IMMEDIATE_DATA, [&](NetlinkMessage& inner) { inner.bytes(NFTA_DATA_VALUE, raw_bytes(value)); });
    });
    return expression("redir", [](NetlinkMessage& data) { data.net32(NFTA_REDIR_REG_PROTO_MIN, kRegister); });
  }

 private:
  NetlinkMessage& list_;
};

std::vector<IpAddress> addresses_of_host(const std::string& host) {
  if (const auto literal = IpAddress::parse(host)) return {*literal};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<IpAddress> found;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return found;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST] = "";
    const int got = ::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    if (const auto address = got == 0 ? IpAddress::parse(text) : std::nullopt) found.push_back(*address);
  }
  ::freeaddrinfo(list);
  return found;
}

using Write = std::function<void(Rule&)>;

/// A table of its own in the container's network namespace. It belongs to our socket: when we end, however we do, the
/// kernel takes it away.
class PacketRules : public HeldThing {
 public:
  explicit PacketRules(const HolderOrder& order) : order_(order), table_("heal_fault_" + order.lease) {}

  Status check() override {
    // A probe is in a network of its own, where nobody has a name.
    if (order_.task != HolderOrder::Task::kProbe) HEAL_TRY_STATUS(read_addresses());
    HEAL_TRY(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
    HEAL_TRY(const int error, socket.ask(table_alone(table_ + "_probe")));
    if (error == 0) return {};
    return make_error(ErrorCode::kRefused,
                      "fault {}: this kernel has no nf_tables with tables that have an owner "
                      "(Linux 5.12): {}",
                      order_.kind, errno_error(error, "make a table").message());
  }

  Result<std::string> begin() override {
    if (order_.kind == "http-errors") {
      HEAL_TRY(answers_, HttpAnswers::start(static_cast<int>(setting_number(order_, "status", 503))));
    }
    HEAL_TRY(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
    socket_.emplace(std::move(socket));
    HEAL_TRY(const int error, socket_->ask(all_messages()));
    if (error == 0) return "rules in table " + table_;
    return errno_error(error, "make the table " + table_);
  }

  Status end() override {
    socket_.reset();
    answers_.reset();
    HEAL_TRY(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
    NetlinkMessage look = table_message(NFT_MSG_GETTABLE, 0);
    look.text(NFTA_TABLE_NAME, table_);
    HEAL_TRY(const int error, socket.ask({look}));
    if (error == ENOENT) return {};
    if (error != 0) return errno_error(error, "look for the table " + table_);
    return make_error(ErrorCode::kConflict, "the table {} is still there", table_);
  }

 private:
  /// In the container's network, by what it is told itself when it asks.
  Status read_addresses() {
    const std::string hosts = setting_text(order_, "hosts");
    for (const auto part : split(hosts, ',')) {
      const std::string host(trim(part));
      if (host.empty()) continue;
      const auto found = addresses_of_host(host);
      if (found.empty() && setting_text(order_, "missing") != "allowed") {
        return make_error(ErrorCode::kRefused, "fault {}: the container cannot resolve \"{}\"", order_.kind,
                          printable(host));
      }
      addresses_.insert(addresses_.end(), found.begin(), found.end());
    }
    const bool needs_one = order_.kind == "dependency" || order_.kind == "unseen";
    if (!needs_one || !addresses_.empty()) return {};
    return make_error(ErrorCode::kRefused, "fault {}: none of {} is in a network of the container", order_.kind,
                      printable(hosts));
  }

  static std::vector<NetlinkMessage> in_batch(std::vector<NetlinkMessage> inside) {
    std::vector<NetlinkMessage> all{{NFNL_MSG_BATCH_BEGIN, 0, header_for(AF_UNSPEC, NFNL_SUBSYS_NFTABLES)}};
    for (NetlinkMessage& message : inside)
      all.push_back(std::move(message));
    all.emplace_back(std::uint16_t{NFNL_MSG_BATCH_END}, std::uint16_t{0}, header_for(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    return all;
  }

  static NetlinkMessage new_table(const std::string& name) {
    NetlinkMessage message = table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    message.text(NFTA_TABLE_NAME, name).net32(NFTA_TABLE_FLAGS, kOwnedByUs);
    return message;
  }
  static std::vector<NetlinkMessage> table_alone(const std::string& name) { return in_batch({new_table(name)}); }

  void add_chain(const std::string& name, std::string_view type, std::uint32_t hook, int priority) {
    NetlinkMessage message = table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    message.text(NFTA_CHAIN_TABLE, table_).text(NFTA_CHAIN_NAME, name);
    message.nest(NFTA_CHAIN_HOOK, [&](NetlinkMessage& inner) {
      inner.net32(NFTA_HOOK_HOOKNUM, hook).net32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority));
    });
    message.text(NFTA_CHAIN_TYPE, type);
    messages_.push_back(std::move(message));
  }

  void add_rule(const std::string& chain, const Write& write) {
    NetlinkMessage message = table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    message.text(NFTA_RULE_TABLE, table_).text(NFTA_RULE_CHAIN, chain);
    message.nest(NFTA_RULE_EXPRESSIONS, [&](NetlinkMessage& list) {
      Rule rule(list);
      write(rule);
    });
    messages_.push_back(std::move(message));
  }

  std::vector<NetlinkMessage> all_messages() {
    messages_ = {new_table(table_)};
    if (order_.kind == "loss") add_loss();
    if (order_.kind == "dependency") add_dependency();
    if (order_.kind == "unseen") add_unseen();
    if (order_.kind == "http-errors") add_http_errors();
    return in_batch(std::move(messages_));
  }

  void add_loss() {
    const std::string direction = setting_text(order_, "direction");
    const std::int64_t share = setting_number(order_, "percent", 30);
    if (direction != "out") {
      add_chain("in", "filter", NF_INET_PRE_ROUTING, kFilterPriority);
      add_rule("in", [&](Rule& rule) { rule.not_loopback(NFT_META_IIF).percent(share).drop(); });
    }
    if (direction == "out" || direction == "both") {
      add_chain("out", "filter", NF_INET_POST_ROUTING, kFilterPriority);
      add_rule("out", [&](Rule& rule) { rule.not_loopback(NFT_META_OIF).percent(share).drop(); });
    }
  }

  void add_dependency() {
    const std::int64_t port = setting_number(order_, "port", 0);
    const bool refuses = setting_text(order_, "how") != "drop";
    add_chain("out", "filter", NF_INET_LOCAL_OUT, kFilterPriority);
    for (const IpAddress& address : addresses_) {
      for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
        add_rule("out", [&](Rule& rule) {
          rule.address(Rule::End::kTo, address).meta(NFT_META_L4PROTO).is_byte(static_cast<std::uint8_t>(protocol));
          if (port != 0) rule.is_port(port);
          if (!refuses) rule.drop();
          if (refuses) rule.reject(protocol == IPPROTO_TCP ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
        });
      }
    }
  }

  void add_unseen() {
    add_chain("in", "filter", NF_INET_PRE_ROUTING, kFilterPriority);
    for (const IpAddress& address : addresses_)
      add_rule("in", [&](Rule& rule) { rule.address(Rule::End::kFrom, address).drop(); });
  }

  /// Rules of this type see the first packet of a connection only: what is decided for it holds for all of it.
  void add_http_errors() {
    const std::int64_t port = setting_number(order_, "port", 80);
    const std::int64_t share = setting_number(order_, "percent", 100);
    for (const auto& [chain, hook] : {std::pair{"in", NF_INET_PRE_ROUTING}, std::pair{"local", NF_INET_LOCAL_OUT}}) {
      add_chain(chain, "nat", static_cast<std::uint32_t>(hook), kNatPriority);
      const bool is_local = hook == NF_INET_LOCAL_OUT;
      add_rule(chain, [&](Rule& rule) {
        rule.meta(NFT_META_L4PROTO).is_byte(IPPROTO_TCP).is_port(port);
        // What the container asks others for is none of its own answers.
        if (is_local) rule.meta(NFT_META_OIF).compare(NFT_CMP_EQ, raw_bytes(kLoopbackIndex));
        rule.percent(share).redirect(answers_->port());
      });
    }
  }

  const HolderOrder order_;
  const std::string table_;
  std::vector<IpAddress> addresses_;
  std::vector<NetlinkMessage> messages_;
  std::optional<NetlinkSocket> socket_;
  std::unique_ptr<HttpAnswers> answers_;
};

}  // namespace

std::unique_ptr<HeldThing> make_packet_rules(const HolderOrder& order) {
  return std::make_unique<PacketRules>(order);
}

}  // namespace heal
