#include "common/httpd/reactor.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace heal::httpd {
namespace {

constexpr std::uint64_t kMailboxTag = 0;
constexpr std::uint64_t kFirstConnection = 1 << 20;  // below: the listeners' numbers plus one
constexpr Duration kDrainTime = 2s;
constexpr int kAcceptsPerRound = 64;
constexpr std::uint32_t kReading = EPOLLIN | EPOLLRDHUP;

SteadyTime steady_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

void add_to_epoll(int epoll, int fd, std::uint64_t tag, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

std::string remote_of(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text, sizeof text);
    return text;
  }
  if (storage.ss_family != AF_INET6) return "unix";
  const auto& address = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    ::inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, &address, text, sizeof text);
  }
  return text;
}

std::optional<PeerCredentials> peer_of(int fd, const sockaddr_storage& storage) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (storage.ss_family == AF_INET || storage.ss_family == AF_INET6) return std::nullopt;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
}

bool reads(Phase phase) {
  return phase == Phase::kHead || phase == Phase::kBody || phase == Phase::kDraining;
}

/// What epoll shall tell in this phase; a client that has closed its side would be reported again and again.
std::uint32_t wanted_of(const Connection& connection) {
  const std::uint32_t output = connection.transport.pending() > 0 ? std::uint32_t{EPOLLOUT} : 0;
  if (reads(connection.phase)) return output | kReading;
  return connection.has_peer_closed || connection.has_left ? output : output | EPOLLRDHUP;
}

ScopedFd open_spare() {
  return ScopedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Reactor::Reactor(const Limits& limits, RequestGate& gate, std::shared_ptr<Mailbox> mailbox,
                 std::shared_ptr<const ServerMetrics> metrics, Logger logger)
    : limits_(limits),
      gate_(gate),
      mailbox_(std::move(mailbox)),
      metrics_(std::move(metrics)),
      logger_(std::move(logger)),
      next_id_(kFirstConnection),
      now_(steady_now()) {}

Reactor::~Reactor() {
  stop(0s);
}

Status Reactor::start() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return errno_error(errno, "epoll_create1");
  spare_ = open_spare();
  add_to_epoll(epoll_.get(), mailbox_->fd(), kMailboxTag, EPOLLIN | EPOLLET);
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    add_to_epoll(epoll_.get(), listeners_[i].first.fd.get(), i + 1, EPOLLIN);
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Reactor::stop(Duration grace) {
  if (!thread_.joinable()) {
    for (const auto& [listener, scope] : listeners_)
      unlink_listener(listener);
    listeners_.clear();
    return;
  }
  grace_.store(grace.count());
  mailbox_->is_stopping.store(true);
  mailbox_->post({.kind = Mail::Kind::kStop});
  thread_.join();
}

void Reactor::run() {
  std::vector<epoll_event> events(256);
  while (!is_finished()) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_milliseconds());
    now_ = steady_now();
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      handle_event(event.data.u64, event.events);
    }
    handle_timeouts();
    for (const Id id : doomed_)
      connections_.erase(id);
    doomed_.clear();
  }
  end_all();
}

int Reactor::wait_milliseconds() const {
  auto next = stop_deadline_;
  if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
  if (next == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now_).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

bool Reactor::is_finished() const {
  if (!stopping_) return false;
  if (now_ >= stop_deadline_) return true;
  return std::ranges::all_of(connections_, [](const auto& entry) {
    return entry.second->phase == Phase::kDraining || entry.second->phase == Phase::kClosed;
  });
}

void Reactor::handle_event(std::uint64_t tag, std::uint32_t events) {
  if (tag == kMailboxTag) {
    for (const auto& mail : mailbox_->take())
      handle_mail(mail);
    return;
  }
  if (tag < kFirstConnection) {
    if (tag <= listeners_.size()) accept_from(listeners_[tag - 1].first, listeners_[tag - 1].second);
    return;
  }
  const auto found = connections_.find(tag);
  if (found == connections_.end() || found->second->phase == Phase::kClosed) return;
  Connection& connection = *found->second;
  if ((events & EPOLLERR) != 0) return close(connection);
  if ((events & EPOLLOUT) != 0) write_to(connection);
  if (connection.phase == Phase::kClosed) return;
  if ((events & EPOLLIN) != 0) {
    if (reads(connection.phase)) {
      read_from(connection);
    } else {
      ask(connection, wanted_of(connection));
    }
  }
  const bool is_reading = connection.phase == Phase::kHead || connection.phase == Phase::kBody;
  if ((events & EPOLLHUP) != 0 && !is_reading) return close(connection);  // reported for ever, and nobody reads
  if ((events & EPOLLRDHUP) != 0) client_left(connection);
}

void Reactor::handle_mail(const Mail& mail) {
  if (mail.kind == Mail::Kind::kStop) return begin_stop();
  const auto found = connections_.find(mail.connection);
  if (found == connections_.end() || found->second->phase == Phase::kClosed) return;
  Connection& connection = *found->second;
  if (connection.exchange_id != mail.exchange) return;
  switch (mail.kind) {
    case Mail::Kind::kResponse:
      count(connection, mail.status);
      return respond(connection, mail.bytes, mail.closes);
    case Mail::Kind::kAuthenticated:
    case Mail::Kind::kDenied:
      return verified(connection, mail);
    case Mail::Kind::kCut:
      return cut(connection);
    default:
      return stream(connection, mail);
  }
}

void Reactor::handle_timeouts() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
    const auto found = connections_.find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    if (found == connections_.end()) continue;
    found->second->deadline = SteadyTime::max();
    if (found->second->phase != Phase::kClosed) time_out(*found->second);
  }
}

void Reactor::accept_from(const Listener& listener, Scope scope) {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ScopedFd fd(
        ::accept4(listener.fd.get(), reinterpret_cast<sockaddr*>(&storage), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      adopt(std::move(fd), storage, scope);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE) return shed_connection(listener);
    if (errno != EINTR && errno != ECONNABORTED) return;  // EAGAIN, or trouble that the next round meets again
  }
}

// Out of descriptors: the waiting client is accepted with the spare one and hung up on, or epoll would spin on it.
void Reactor::shed_connection(const Listener& listener) {
  spare_.reset();
  ScopedFd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
  spare_ = open_spare();
  metrics_->rejected(RejectReason::kConnections);
}

bool Reactor::make_room() {
  Connection* oldest = nullptr;
  for (const auto& [id, connection] : connections_) {
    if (!connection->is_idle()) continue;
    if (oldest == nullptr || connection->idle_since < oldest->idle_since) oldest = connection.get();
  }
  if (oldest == nullptr) return false;
  close(*oldest);
  return true;
}

void Reactor::adopt(ScopedFd fd, const sockaddr_storage& client, Scope scope) {
  if (connections_.size() - doomed_.size() >= limits_.connections && !make_room()) {
    metrics_->rejected(RejectReason::kConnections);
    const auto response = write_response(HttpResponse::text(503, "too many connections\n"), {.closes = true});
    if (gate_.web()->tls == nullptr) (void)!::send(fd.get(), response.data(), response.size(), MSG_NOSIGNAL);
    return;
  }
  const Id id = next_id_++;
  const auto peer = peer_of(fd.get(), client);
  auto connection = std::make_unique<Connection>(id, std::move(fd), gate_.web()->tls);
  connection->peer = peer;
  connection->scope = scope;
  connection->remote = remote_of(client);
  connection->idle_since = now_;
  add_to_epoll(epoll_.get(), connection->transport.fd(), id, kReading);
  connection->interest = kReading;
  set_deadline(*connection, now_ + limits_.head_timeout);
  connections_.emplace(id, std::move(connection));
  metrics_->connections().add(1);
}

void Reactor::read_from(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  const bool was_idle = connection.is_idle();
  const auto result = connection.transport.read(connection.in);
  if (result == Transport::Io::kBlocked) return;
  if (result == Transport::Io::kFailed) {
    if (connection.transport.is_tls() && !connection.transport.is_ready()) metrics_->rejected(RejectReason::kTls);
    return close(connection);
  }
  if (connection.phase == Phase::kDraining) {
    connection.in.clear();
    if (result == Transport::Io::kEof) close(connection);
    return;
  }
  if (was_idle && !connection.in.empty() && !connection.is_first) {
    set_deadline(connection, now_ + limits_.head_timeout);
  }
  if (result == Transport::Io::kEof) connection.has_peer_closed = true;
  process_input(connection);
  const bool wants_more = connection.phase == Phase::kHead || connection.phase == Phase::kBody;
  if (connection.has_peer_closed && wants_more) return close(connection);
  watch(connection);
}

void Reactor::write_to(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  const auto before = connection.transport.pending();
  const auto result = connection.transport.flush();
  if (result == Transport::Io::kFailed) return close(connection);
  if (connection.phase == Phase::kStreaming) stream_progress(connection, before);
  if (connection.phase == Phase::kWriting) response_progress(connection);
  if (result == Transport::Io::kOk && connection.phase == Phase::kWriting) response_sent(connection);
  watch(connection);
}

// The client closed its side: whoever works for it may stop, but it may still be reading.
void Reactor::client_left(Connection& connection) {
  switch (connection.phase) {
    case Phase::kHandling:
    case Phase::kAuth:
    case Phase::kWriting:
      connection.has_left = true;
      if (connection.exchange != nullptr) connection.exchange->set_gone();
      return watch(connection);
    case Phase::kStreaming:
      return close(connection);
    default:
      return;  // reading finds the end by itself
  }
}

void Reactor::time_out(Connection& connection) {
  switch (connection.phase) {
    case Phase::kHead:
      if (connection.in.empty()) return close(connection);
      metrics_->rejected(RejectReason::kTimeout);
      reject(connection, {408, "the request head took too long"});
      return;
    case Phase::kBody:
      metrics_->rejected(RejectReason::kTimeout);
      reject(connection, {408, "the request body took too long"});
      return;
    case Phase::kStreaming:
      if (connection.transport.pending() == 0) return heartbeat(connection);
      [[fallthrough]];
    case Phase::kWriting:
      return cut(connection);
    case Phase::kDraining:
      return close(connection);
    default:
      return;
  }
}

void Reactor::close(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  connection.phase = Phase::kClosed;
  set_deadline(connection, SteadyTime::max());
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.transport.fd(), nullptr);
  if (connection.exchange != nullptr) connection.exchange->set_gone();
  doomed_.push_back(connection.id);
  metrics_->connections().add(-1);
}

// The reader is too slow. What the kernel still holds for it goes with the connection, and is not offered for minutes.
void Reactor::cut(Connection& connection) {
  metrics_->rejected(RejectReason::kSlowReader);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.transport.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(connection);
}

void Reactor::drain(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  connection.transport.finish();
  if (connection.has_peer_closed) return close(connection);
  connection.phase = Phase::kDraining;
  connection.in.clear();
  if (connection.exchange != nullptr) connection.exchange->set_gone();
  connection.exchange.reset();
  set_deadline(connection, now_ + kDrainTime);
}

void Reactor::set_deadline(Connection& connection, SteadyTime when) {
  if (connection.deadline != SteadyTime::max()) deadlines_.erase({connection.deadline, connection.id});
  connection.deadline = when;
  if (when != SteadyTime::max()) deadlines_.emplace(when, connection.id);
}

void Reactor::watch(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  const std::uint32_t wanted = wanted_of(connection);
  // Few clients send ahead: it is taken out when one does, and no request pays for taking it out and in.
  const bool has_only_input_too_many = connection.interest == kReading && wanted == EPOLLRDHUP;
  if (!has_only_input_too_many) ask(connection, wanted);
}

void Reactor::ask(Connection& connection, std::uint32_t wanted) {
  if (wanted == connection.interest) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = connection.id;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.transport.fd(), &event);
  connection.interest = wanted;
}

void Reactor::begin_stop() {
  stopping_ = true;
  stop_deadline_ = now_ + Duration(grace_.load());
  for (const auto& [listener, scope] : listeners_) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener.fd.get(), nullptr);
    unlink_listener(listener);
  }
  listeners_.clear();
  for (const auto& [id, connection] : connections_) {
    connection->closes = true;
    if (connection->phase == Phase::kStreaming && connection->exchange != nullptr) {
      connection->exchange->close_stream();
      connection->exchange->set_gone();
    } else if (connection->is_idle()) {
      drain(*connection);
    }
  }
}

void Reactor::end_all() {
  mailbox_->close();
  for (const auto& [id, connection] : connections_)
    close(*connection);
  connections_.clear();
  doomed_.clear();
  deadlines_.clear();
}

}  // namespace heal::httpd
