#include "common/system/probe/resolver.h"

#include <algorithm>
#include <map>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <ares.h>
#include <fmt/format.h>

namespace heal::system {
namespace {

/// Shared by the caller's handle and the lookup, which c-ares cannot cancel one by one.
struct Lookup {
  EventLoop& loop;
  std::string host;
  AddressFamily family;
  ProbeIo::Resolved done;
  bool cancelled = false;
};

class PendingLookup : public PendingIo {
 public:
  explicit PendingLookup(std::shared_ptr<Lookup> lookup) : lookup_(std::move(lookup)) {}
  ~PendingLookup() override { lookup_->cancelled = true; }

 private:
  std::shared_ptr<Lookup> lookup_;
};

void deliver(const std::shared_ptr<Lookup>& lookup, std::optional<ProbeFailure> failure, std::vector<IpAddress> found) {
  lookup->loop.post([lookup, failure = std::move(failure), found = std::move(found)]() mutable {
    if (lookup->cancelled) return;
    const ProbeIo::Resolved done = std::move(lookup->done);
    done(std::move(failure), std::move(found));
  });
}

bool fits(const IpAddress& address, AddressFamily family) {
  return family == AddressFamily::kAny || (family == AddressFamily::kV6) == address.is_v6();
}

ProbeFailure lookup_failure(const std::string& host, int status) {
  const auto failed = [&](ProbeReason reason, std::string_view why) {
    return ProbeFailure{ProbePhase::kResolve, reason, fmt::format("lookup of \"{}\": {}", host, why)};
  };
  switch (status) {
    case ARES_ENOTFOUND:
      return failed(ProbeReason::kNotFound, "no such host");
    case ARES_ENODATA:
      return failed(ProbeReason::kNoAddress, "the name has no address");
    case ARES_EBADNAME:
      return failed(ProbeReason::kInvalidTarget, "not a host name");
    case ARES_ETIMEOUT:
      return failed(ProbeReason::kTimeout, "the name servers do not answer");
    default:
      return failed(ProbeReason::kDnsFailed, ares_strerror(status));
  }
}

std::vector<IpAddress> addresses_of(const ares_addrinfo* info) {
  std::vector<IpAddress> found;
  for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(node->ai_addr);
      found.push_back(IpAddress::from_bytes({reinterpret_cast<const char*>(&in->sin_addr), 4}));
    } else if (node->ai_family == AF_INET6) {
      const auto* in = reinterpret_cast<const sockaddr_in6*>(node->ai_addr);
      found.push_back(IpAddress::from_bytes({reinterpret_cast<const char*>(&in->sin6_addr), 16}));
    }
  }
  return found;
}

extern "C" void heal_on_addrinfo(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
  const std::unique_ptr<std::shared_ptr<Lookup>> lookup(static_cast<std::shared_ptr<Lookup>*>(argument));
  std::vector<IpAddress> found;
  if (info != nullptr) {
    found = addresses_of(info);
    ares_freeaddrinfo(info);
  }
  std::erase_if(found, [&](const IpAddress& address) { return !fits(address, (*lookup)->family); });
  if ((*lookup)->cancelled) return;
  if (!found.empty()) {
    deliver(*lookup, std::nullopt, std::move(found));
  } else {
    deliver(*lookup, lookup_failure((*lookup)->host, status == ARES_SUCCESS ? ARES_ENODATA : status), {});
  }
}

constexpr const char* kResolvConf = "/etc/resolv.conf";

std::string signature_of_resolv_conf() {
  struct stat info {};
  if (stat(kResolvConf, &info) != 0) return "absent";
  return fmt::format("{}.{}.{}.{}", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

}  // namespace

/// One c-ares channel, with the name servers of resolv.conf as it was then.
class Resolver::Channel {
 public:
  explicit Channel(EventLoop& loop) : loop_(loop) {
    ares_options options{};
    options.timeout = 2000;
    options.tries = 3;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Channel*>(self)->on_socket_state(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    usable_ = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) ==
              ARES_SUCCESS;
  }
  ~Channel() {
    if (usable_) ares_destroy(channel_);
    if (timer_ != 0) loop_.cancel(timer_);
    for (const auto& [fd, id] : watches_)
      loop_.forget(id);
  }

  void lookup(std::shared_ptr<Lookup> lookup) {
    if (!usable_) {
      deliver(lookup, lookup_failure(lookup->host, ARES_ENOTINITIALIZED), {});
      return;
    }
    ares_addrinfo_hints hints{};
    // Asked for one family only, c-ares gives "localhost" an address that /etc/hosts does not; what does not fit is
    // left out afterwards.
    const bool local = lookup->host == "localhost";
    hints.ai_family = local                                  ? AF_UNSPEC
                      : lookup->family == AddressFamily::kV4 ? AF_INET
                      : lookup->family == AddressFamily::kV6 ? AF_INET6
                                                             : AF_UNSPEC;
    const std::string host = lookup->host;
    auto argument = std::make_unique<std::shared_ptr<Lookup>>(std::move(lookup));
    ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, heal_on_addrinfo, argument.release());
    arm_timer();
  }

 private:
  void on_socket_state(ares_socket_t fd, bool readable, bool writable) {
    const std::uint32_t events =
        (readable ? static_cast<std::uint32_t>(EPOLLIN) : 0U) | (writable ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    const auto it = watches_.find(fd);
    if (events == 0) {
      if (it == watches_.end()) return;
      loop_.forget(it->second);
      watches_.erase(it);
    } else if (it != watches_.end()) {
      loop_.rewatch(it->second, events);
    } else {
      watches_[fd] = loop_.watch(fd, events, [this, fd](std::uint32_t happened) {
        const bool can_read = (happened & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
        const bool can_write = (happened & static_cast<std::uint32_t>(EPOLLOUT)) != 0;
        process(can_read ? fd : ARES_SOCKET_BAD, can_write ? fd : ARES_SOCKET_BAD);
      });
    }
  }

  void process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel_, readable, writable);
    arm_timer();
  }

  void arm_timer() {
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = 0;
    timeval longest{1, 0}, storage{};
    if (watches_.empty()) return;
    const timeval* wait = ares_timeout(channel_, &longest, &storage);
    const Duration delay = std::chrono::seconds(wait->tv_sec) + std::chrono::microseconds(wait->tv_usec);
    timer_ = loop_.call_at(loop_.now() + delay, [this] {
      timer_ = 0;
      process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
  }

  EventLoop& loop_;
  ares_channel channel_ = nullptr;
  bool usable_ = false;
  EventLoop::Id timer_ = 0;
  std::map<ares_socket_t, EventLoop::Id> watches_;
};

Resolver::Resolver(EventLoop& loop) : loop_(loop) {
  ares_library_init(ARES_LIB_INIT_ALL);
}

Resolver::~Resolver() {
  channel_.reset();
  ares_library_cleanup();
}

Resolver::Channel& Resolver::channel() {
  std::string signature = signature_of_resolv_conf();
  if (!channel_ || signature != resolv_conf_signature_) {
    // Destroying the old one ends its lookups with an error: rare, and the next run of the probe is right.
    channel_ = std::make_unique<Channel>(loop_);
    resolv_conf_signature_ = std::move(signature);
  }
  return *channel_;
}

std::unique_ptr<PendingIo> Resolver::resolve(const std::string& host, AddressFamily family, ProbeIo::Resolved done) {
  auto lookup = std::make_shared<Lookup>(Lookup{loop_, host, family, std::move(done)});
  auto pending = std::make_unique<PendingLookup>(lookup);
  if (std::optional<IpAddress> address = IpAddress::parse(host)) {
    if (fits(*address, family)) {
      deliver(lookup, std::nullopt, {*std::move(address)});
    } else {
      deliver(lookup, lookup_failure(host, ARES_ENODATA), {});
    }
  } else if (host.empty() || host.size() > 254 || host.find('\0') != std::string::npos) {
    deliver(lookup, lookup_failure(host.substr(0, 64), ARES_EBADNAME), {});
  } else {
    channel().lookup(std::move(lookup));
  }
  return pending;
}

}  // namespace heal::system
