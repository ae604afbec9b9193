#include "common/system/probe/echo.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unordered_map>
#include <vector>

#include "common/base/error.h"
#include "common/base/scoped_fd.h"
#include "common/system/probe/echo_message.h"
#include "common/system/probe/socket_address.h"

namespace heal::system {
namespace {

constexpr std::size_t kMostWaiting = 60'000;
/// Replies of this many requests fit into any socket's buffer; they are fetched before more are sent.
constexpr int kSendsBetweenReads = 64;
/// Packets that are read before the loop's other work goes on.
constexpr int kReadsInARow = 1024;
constexpr int kReceiveBuffer = 8 << 20U;

/// linux/icmp.h, which cannot stand beside netinet/icmp6.h: an option of raw sockets, and the types of what they get.
constexpr int kIcmpFilterOption = 1;
constexpr std::uint32_t kEchoReply = 0, kDestinationUnreachable = 3, kTimeExceeded = 11;

constexpr std::uint32_t kReadable = EPOLLIN, kWritable = EPOLLOUT;

enum class Privilege { kUnprivileged, kRaw };

std::int64_t wall_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

template <typename T>
int set_option(int fd, int level, int name, const T& value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

/// Only what read_echo_news has use for: a raw socket is given a copy of everything.
void filter_messages(int fd, IpAddress::Family family) {
  if (family == IpAddress::Family::kV6) {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    for (const int type : {ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED}) {
      ICMP6_FILTER_SETPASS(static_cast<unsigned>(type), &filter);
    }
    set_option(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter);
  } else {
    const std::uint32_t blocked = ~(1U << kEchoReply | 1U << kDestinationUnreachable | 1U << kTimeExceeded);
    set_option(fd, SOL_RAW, kIcmpFilterOption, blocked);
  }
}

void set_up(int fd, IpAddress::Family family, EchoRequest::Fragments fragments) {
  const bool v6 = family == IpAddress::Family::kV6;
  set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, 1);
  set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  // With the capability for it the kernel's limit does not count.
  if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer) != 0) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  }
  // What the kernel knows of the way is not asked: the packet shall try it.
  if (!v6 && fragments == EchoRequest::Fragments::kForbidden) {
    set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  }
}

/// Asked only when sending failed: kernels differ in what they say then.
bool is_own_address(const IpAddress& address) {
  const ScopedFd fd(::socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = fill_sockaddr(address, 0, storage);
  return bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0 || errno != EADDRNOTAVAIL;
}

ProbeFailure send_failure(const EchoRequest& request, int errno_value) {
  if (request.source && !is_own_address(*request.source)) {
    return {ProbePhase::kConnect, ProbeReason::kUnreachable,
            fmt::format("cannot send from {}: it is no address of this host", request.source->str())};
  }
  const ProbeReason reason = errno_value == EMSGSIZE ? ProbeReason::kTooLarge : reason_of_errno(errno_value);
  return {ProbePhase::kSend, reason, fmt::format("send: {}", std::strerror(errno_value))};
}

/// What the kernel says beside a packet.
struct Received {
  IpAddress from;
  std::string_view message;
  std::optional<int> hop_limit;
  std::optional<std::int64_t> wall_nanoseconds;
};

void read_control(msghdr& header, Received& into) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    const bool v4_ttl = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TTL;
    const bool v6_ttl = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_HOPLIMIT;
    if (v4_ttl || v6_ttl) {
      int value = 0;
      std::memcpy(&value, CMSG_DATA(control), sizeof value);
      into.hop_limit = value;
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
      timespec time{};
      std::memcpy(&time, CMSG_DATA(control), sizeof time);
      into.wall_nanoseconds = time.tv_sec * 1'000'000'000LL + time.tv_nsec;
    }
  }
}

}  // namespace

/// A request on its way; shared by the handle and the socket.
struct EchoSockets::Waiting {
  EchoRequest request;
  ProbeIo::EchoDone done;
  SteadyTime sent{};
  std::int64_t sent_wall_nanoseconds = 0;
  bool cancelled = false;
  std::optional<std::uint16_t> sequence;  ///< under which the socket knows it
};

class EchoSockets::Socket {
 public:
  Socket(EventLoop& loop, ScopedFd fd, IpAddress::Family family, Privilege privilege)
      : loop_(loop),
        fd_(std::move(fd)),
        v6_(family == IpAddress::Family::kV6),
        privilege_(privilege),
        buffer_(64 << 10U) {
    watch_ = loop_.watch(fd_.get(), kReadable, [this](std::uint32_t) {
      send_unsent();
      receive();
    });
  }
  ~Socket() { loop_.forget(watch_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void start(const std::shared_ptr<Waiting>& waiting) {
    if (waiting_.size() >= kMostWaiting) {
      return deliver(waiting, ProbeFailure{ProbePhase::kSend, ProbeReason::kOther, "too many requests in flight"}, {});
    }
    while (waiting_.count(++sequence_) > 0) {
    }
    waiting->sequence = sequence_;
    waiting_[sequence_] = waiting;
    unsent_.push_back(sequence_);
    // In order: behind those that wait for room.
    if (events_ == kReadable) send_unsent();
    if (++sends_ % kSendsBetweenReads == 0) receive();
  }

  void forget(const Waiting& waiting) {
    if (waiting.sequence) waiting_.erase(*waiting.sequence);
  }

 private:
  void deliver(const std::shared_ptr<Waiting>& waiting, std::optional<ProbeFailure> failure, EchoReply reply) {
    loop_.post([waiting, failure = std::move(failure), reply] {
      if (waiting->cancelled) return;
      const ProbeIo::EchoDone done = std::move(waiting->done);
      done(failure, reply);
    });
  }

  /// Takes it off the table.
  std::shared_ptr<Waiting> take_waiting(std::uint16_t sequence) {
    std::shared_ptr<Waiting> waiting = std::move(waiting_.extract(sequence).mapped());
    waiting->sequence.reset();
    return waiting;
  }

  void send_unsent() {
    while (!unsent_.empty()) {
      const std::uint16_t sequence = unsent_.front();
      const auto it = waiting_.find(sequence);
      const int error = it == waiting_.end() ? 0 : send(*it->second, sequence);
      if (error == EAGAIN) return wait_for(kReadable | kWritable);
      unsent_.pop_front();
      if (error == 0) continue;
      const std::shared_ptr<Waiting> waiting = take_waiting(sequence);
      deliver(waiting, send_failure(waiting->request, error), {});
    }
    wait_for(kReadable);
  }

  void wait_for(std::uint32_t events) {
    if (events == events_) return;
    events_ = events;
    loop_.rewatch(watch_, events);
  }

  void set_hop_limit(int hop_limit) {
    if (hop_limit == hop_limit_) return;
    // -1 gives IPv6 the system's value back; IPv4 takes none.
    const int value = hop_limit > 0 ? hop_limit : v6_ ? -1 : IPDEFTTL;
    set_option(fd_.get(), v6_ ? IPPROTO_IPV6 : IPPROTO_IP, v6_ ? IPV6_UNICAST_HOPS : IP_TTL, value);
    hop_limit_ = hop_limit;
  }

  /// Names the source address of one packet; the socket itself is not bound.
  void add_source(const IpAddress& source, msghdr& header, std::array<char, 64>& room) const {
    header.msg_control = room.data();
    header.msg_controllen = v6_ ? CMSG_SPACE(sizeof(in6_pktinfo)) : CMSG_SPACE(sizeof(in_pktinfo));
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = v6_ ? IPPROTO_IPV6 : IPPROTO_IP;
    control->cmsg_type = v6_ ? IPV6_PKTINFO : IP_PKTINFO;
    if (v6_) {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, source.bytes.data(), 16);
      control->cmsg_len = CMSG_LEN(sizeof info);
      std::memcpy(CMSG_DATA(control), &info, sizeof info);
    } else {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, source.bytes.data(), 4);
      control->cmsg_len = CMSG_LEN(sizeof info);
      std::memcpy(CMSG_DATA(control), &info, sizeof info);
    }
  }

  /// An errno, or 0.
  int send(Waiting& waiting, std::uint16_t sequence) {
    const EchoRequest& request = waiting.request;
    set_hop_limit(request.hop_limit);
    std::string bytes = echo_request_bytes(request.to.family, id_, sequence, request.payload);
    sockaddr_storage address;
    const socklen_t length = fill_sockaddr(request.to, 0, address);
    iovec part{bytes.data(), bytes.size()};
    msghdr header{};
    header.msg_name = &address;
    header.msg_namelen = length;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, 64> room{};
    if (request.source) add_source(*request.source, header, room);
    waiting.sent = loop_.now();
    waiting.sent_wall_nanoseconds = wall_nanoseconds();
    return sendmsg(fd_.get(), &header, 0) < 0 ? errno : 0;
  }

  void receive() {
    for (int i = 0; i < kReadsInARow; ++i) {
      sockaddr_storage address{};
      iovec part{buffer_.data(), buffer_.size()};
      alignas(cmsghdr) std::array<char, 256> room;
      msghdr header{};
      header.msg_name = &address;
      header.msg_namelen = sizeof address;
      header.msg_iov = &part;
      header.msg_iovlen = 1;
      header.msg_control = room.data();
      header.msg_controllen = room.size();
      const ssize_t got = recvmsg(fd_.get(), &header, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return;
      Received received{address_of(address), {buffer_.data(), static_cast<std::size_t>(got)}, {}, {}};
      read_control(header, received);
      take(received);
    }
  }

  void take(Received& received) {
    // A raw IPv4 socket gives the whole packet.
    if (!v6_ && privilege_ == Privilege::kRaw) {
      received.message = behind_ipv4_header(received.message).value_or(std::string_view());
    }
    const EchoNews news = read_echo_news(v6_ ? IpAddress::Family::kV6 : IpAddress::Family::kV4, received.message);
    if (news.kind == EchoNews::Kind::kNothing) return;
    // The kernel gives an unprivileged socket an id of its own, and only what carries it.
    if (privilege_ == Privilege::kRaw && news.id != id_) return;
    const auto it = waiting_.find(news.sequence);
    if (it == waiting_.end()) return;
    const EchoRequest& request = it->second->request;
    if (news.kind == EchoNews::Kind::kReply) {
      if (received.from.raw() != request.to.raw() || news.payload != request.payload) return;
      const std::shared_ptr<Waiting> waiting = take_waiting(news.sequence);
      deliver(waiting, std::nullopt, {round_trip(*waiting, received), received.hop_limit});
    } else if (news.sent_to && news.sent_to->raw() == request.to.raw()) {
      const std::string why = fmt::format("{} says: {}", received.from.str(), news.why);
      deliver(take_waiting(news.sequence), ProbeFailure{ProbePhase::kResponse, news.reason, why}, {});
    }
  }

  /// The kernel's stamp does not know of a loop that is late; unless somebody sets the wall clock it is the truth.
  Duration round_trip(const Waiting& waiting, const Received& received) const {
    const Duration seen = loop_.now() - waiting.sent;
    if (!received.wall_nanoseconds) return seen;
    const Duration stamped = std::chrono::nanoseconds(*received.wall_nanoseconds - waiting.sent_wall_nanoseconds);
    return stamped > Duration::zero() && stamped < seen ? stamped : seen;
  }

  EventLoop& loop_;
  const ScopedFd fd_;
  const bool v6_;
  const Privilege privilege_;
  const std::uint16_t id_ = unpredictable_id();
  std::uint16_t sequence_ = unpredictable_id();
  int hop_limit_ = 0;
  int sends_ = 0;
  std::uint32_t events_ = kReadable;
  EventLoop::Id watch_ = 0;
  std::vector<char> buffer_;
  std::unordered_map<std::uint16_t, std::shared_ptr<Waiting>> waiting_;
  std::deque<std::uint16_t> unsent_;
};

/// The caller's handle.
class EchoSockets::Pending : public PendingIo {
 public:
  Pending(Socket* socket, std::shared_ptr<Waiting> waiting) : socket_(socket), waiting_(std::move(waiting)) {}
  ~Pending() override {
    waiting_->cancelled = true;
    if (socket_ != nullptr) socket_->forget(*waiting_);
  }

 private:
  Socket* socket_;
  std::shared_ptr<Waiting> waiting_;
};

EchoSockets::EchoSockets(EventLoop& loop) : loop_(loop) {}
EchoSockets::~EchoSockets() = default;

Result<EchoSockets::Socket*> EchoSockets::socket_for(const EchoRequest& request) {
  std::unique_ptr<Socket>& known = sockets_[{request.to.family, request.fragments}];
  if (known) return known.get();
  const bool v6 = request.to.is_v6();
  const int family = v6 ? AF_INET6 : AF_INET;
  const int protocol = v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  Privilege privilege = Privilege::kUnprivileged;
  ScopedFd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd) {
    const int unprivileged_error = errno;
    privilege = Privilege::kRaw;
    fd.reset(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!fd) {
      return make_error(ErrorCode::kUnavailable,
                        "no ICMP socket: unprivileged (net.ipv4.ping_group_range): {}; raw (CAP_NET_RAW): {}",
                        std::strerror(unprivileged_error), std::strerror(errno));
    }
    filter_messages(fd.get(), request.to.family);
  }
  set_up(fd.get(), request.to.family, request.fragments);
  known = std::make_unique<Socket>(loop_, std::move(fd), request.to.family, privilege);
  return known.get();
}

std::unique_ptr<PendingIo> EchoSockets::echo(EchoRequest request, ProbeIo::EchoDone done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->request = std::move(request);
  waiting->done = std::move(done);
  const Result<Socket*> socket = socket_for(waiting->request);
  if (!socket.has_value()) {
    loop_.post([waiting, why = socket.error().message()] {
      if (!waiting->cancelled) waiting->done(ProbeFailure{ProbePhase::kConnect, ProbeReason::kOther, why}, {});
    });
    return std::make_unique<Pending>(nullptr, waiting);
  }
  (*socket)->start(waiting);
  return std::make_unique<Pending>(*socket, waiting);
}

std::uint16_t unpredictable_id() {
  std::uint16_t id = 0;
  // Two bytes never come in parts, and at the start of a program the kernel has long had its randomness.
  [[maybe_unused]] const ssize_t got = getrandom(&id, sizeof id, 0);
  return id;
}

}  // namespace heal::system
