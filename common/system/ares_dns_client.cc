#include "common/system/ares_dns_client.h"

#include <algorithm>
#include <array>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include <ares.h>

#include "common/base/host_port.h"
#include "common/base/scoped_fd.h"
#include "common/model/ip_address.h"
#include "common/wire/dns_message.h"
#include "common/wire/dns_names.h"

namespace heal {
namespace {

/// A first datagram may be lost; the waits double, and reach beyond the patience of a check.
constexpr int kFirstWaitMs = 1000;
constexpr int kTries = 4;
constexpr int kInternetClass = 1;
constexpr std::int64_t kLongestPollMs = 60'000;

/// What a call of c-ares brought. Must outlive the channel, whose end calls back too.
struct Outcome {
  bool is_done = false;
  int status = ARES_SUCCESS;
  std::string message;               ///< "" when no server answered
  std::vector<std::string> servers;  ///< every address of the server's name, with `port`
  std::uint16_t port = 0;
};

extern "C" void heal_on_dns_message(void* argument, int status, int /*timeouts*/, unsigned char* bytes, int length) {
  auto& outcome = *static_cast<Outcome*>(argument);
  outcome.is_done = true;
  outcome.status = status;
  if (bytes != nullptr) outcome.message.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::string_view raw_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(address);
    return {reinterpret_cast<const char*>(&in->sin_addr), sizeof in->sin_addr};
  }
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
  return {reinterpret_cast<const char*>(&in6->sin6_addr), sizeof in6->sin6_addr};
}

extern "C" void heal_on_server_address(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
  auto& outcome = *static_cast<Outcome*>(argument);
  outcome.is_done = true;
  outcome.status = status;
  if (info == nullptr) return;
  for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next)
    outcome.servers.push_back(HostPort{IpAddress::from_bytes(raw_address(node->ai_addr)).str(), outcome.port}.str());
  ares_freeaddrinfo(info);
}

/// A channel of c-ares that one thread works.
class Channel {
 public:
  Channel(std::string what, Deadline deadline, std::stop_token stop)
      : what_(std::move(what)), deadline_(deadline), stop_(std::move(stop)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    ares_options options{};
    // Also an answer that says no is an answer, not a reason to ask the next server.
    options.flags = ARES_FLAG_NOCHECKRESP;
    options.timeout = kFirstWaitMs;
    options.tries = kTries;
    is_usable_ =
        ares_init_options(&channel_, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) == ARES_SUCCESS;
  }
  ~Channel() {
    if (is_usable_) ares_destroy(channel_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool is_usable() const { return is_usable_; }
  ares_channel get() const { return channel_; }

  /// Works until `outcome` is there.
  Status wait_for(const Outcome& outcome) {
    const std::stop_callback on_stop(stop_, [this] {
      const std::uint64_t one = 1;
      (void)!::write(wake_.get(), &one, sizeof one);
    });
    while (!outcome.is_done) {
      if (stop_.stop_requested()) return make_error(ErrorCode::kCancelled, "{}: stopped", what_);
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
      if (left.count() <= 0) return make_error(ErrorCode::kTimeout, "{}: timed out", what_);
      work(static_cast<int>(std::min<std::int64_t>(left.count(), kLongestPollMs)));
    }
    return {};
  }

 private:
  /// Waits for one thing to happen, and lets c-ares see it.
  void work(int longest_ms) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const auto wanted = static_cast<unsigned>(ares_getsock(channel_, sockets.data(), ARES_GETSOCK_MAXNUM));
    std::vector<pollfd> watched{{wake_.get(), POLLIN, 0}};
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      const bool reads = (wanted >> i & 1U) != 0, writes = (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1U) != 0;
      const int events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0);
      if (events != 0) watched.push_back({sockets[i], static_cast<short>(events), 0});
    }
    timeval longest{longest_ms / 1000, longest_ms % 1000 * 1000}, storage{};
    const timeval* wait = ares_timeout(channel_, &longest, &storage);
    // Rounded up: at the very moment nothing would be late yet.
    (void)::poll(watched.data(), watched.size(), static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
    for (std::size_t i = 1; i < watched.size(); ++i) {
      const auto [fd, events, happened] = watched[i];
      if (happened == 0) continue;
      ares_process_fd(channel_, (happened & ~POLLOUT) != 0 ? fd : ARES_SOCKET_BAD,
                      (happened & POLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }

  const std::string what_;
  const Deadline deadline_;
  const std::stop_token stop_;
  const ScopedFd wake_;
  ares_channel channel_ = nullptr;
  bool is_usable_ = false;
};

/// From now on `server` is asked, with all its addresses.
Status use_server(Channel& channel, const HostPort& server, Outcome& found, const std::string& what) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  found.port = server.port;
  ares_getaddrinfo(channel.get(), server.host.c_str(), nullptr, &hints, heal_on_server_address, &found);
  HEAL_TRY_STATUS(channel.wait_for(found));
  const std::string all = fmt::format("{}", fmt::join(found.servers, ","));
  if (all.empty() || ares_set_servers_ports_csv(channel.get(), all.c_str()) != ARES_SUCCESS)
    return make_error(ErrorCode::kUnreachable, "{}: the name server has no address", what);
  return {};
}

Result<DnsReply> read_reply(const Outcome& outcome, std::uint16_t type, const std::string& what) {
  if (outcome.message.empty()) {
    if (outcome.status == ARES_ETIMEOUT) return make_error(ErrorCode::kTimeout, "{}: timed out", what);
    return make_error(ErrorCode::kUnreachable, "{}: the name server cannot be reached", what);
  }
  const auto answer = parse_dns_answer(outcome.message);
  if (!answer.has_value())
    return make_error(ErrorCode::kUnavailable, "{}: the answer cannot be read: {}", what, answer.error().message());
  DnsReply out{dns_rcode_name(answer->rcode), {}};
  for (const DnsRecord& record : answer->answer) {
    if (record.type == type) out.records.emplace_back(record.data());
  }
  return out;
}

}  // namespace

AresDnsClient::AresDnsClient() {
  ares_library_init(ARES_LIB_INIT_ALL);
}

AresDnsClient::~AresDnsClient() {
  ares_library_cleanup();
}

Result<DnsReply> AresDnsClient::look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const std::uint16_t type, check_dns_question(lookup.name, lookup.type));
  const std::string what = lookup.str();
  Outcome server, outcome;
  Channel channel(what, deadline, std::move(stop));
  if (!channel.is_usable()) return make_error(ErrorCode::kInternal, "{}: no resolver can be set up", what);
  if (!lookup.server.empty()) {
    HEAL_TRY(const HostPort address, HostPort::parse(lookup.server));
    HEAL_TRY_STATUS(use_server(channel, address, server, what));
  }
  ares_query(channel.get(), lookup.name.c_str(), kInternetClass, type, heal_on_dns_message, &outcome);
  HEAL_TRY_STATUS(channel.wait_for(outcome));
  return read_reply(outcome, type, what);
}

}  // namespace heal
