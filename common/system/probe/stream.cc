#include "common/system/probe/stream.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <openssl/err.h>

#include "common/system/probe/certificate_refusal.h"
#include "common/system/probe/socket_address.h"

namespace heal::system {
namespace {

constexpr std::size_t kReadChunk = 16 * 1024;

ProbeFailure connect_failure(int errno_value) {
  const ProbeReason reason = errno_value == ENOENT ? ProbeReason::kNotFound : reason_of_errno(errno_value);
  return {ProbePhase::kConnect, reason, fmt::format("connect: {}", std::strerror(errno_value))};
}

}  // namespace

SocketStream::~SocketStream() {
  *alive_ = false;
  if (watch_ != 0) loop_.forget(watch_);
  // A word of goodbye costs nothing and spares the server an error in its log; nothing waits for it.
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
}

void SocketStream::later(EventLoop::Task task) {
  loop_.post([alive = alive_, task = std::move(task)] {
    if (*alive) task();
  });
}

void SocketStream::wait_for(std::uint32_t events) {
  if (watch_ != 0) {
    loop_.rewatch(watch_, events);
    return;
  }
  watch_ = loop_.watch(fd_.get(), events, [this](std::uint32_t) { on_ready(); });
}

void SocketStream::on_ready() {
  switch (step_) {
    case Step::kIdle:
      // Hang-up and error are reported unasked; the next step will meet them.
      loop_.forget(watch_);
      watch_ = 0;
      return;
    case Step::kConnecting:
      return finish_connect();
    case Step::kHandshaking:
      return handshake();
    case Step::kWriting:
      return write_some();
    case Step::kReading:
      return read_some();
  }
}

void SocketStream::end_step(std::optional<ProbeFailure> failure) {
  step_ = Step::kIdle;
  if (watch_ != 0) loop_.rewatch(watch_, 0);
  // The callback may destroy this object: it is the last thing that happens here.
  const Done done = std::move(done_);
  done(std::move(failure));
}

ScopedFd SocketStream::take_socket() {
  if (watch_ != 0) loop_.forget(watch_);
  watch_ = 0;
  if (connected_at_once_) fd_.reset();
  return std::move(fd_);
}

int SocketStream::begin_connect(const SocketAddress& to, const std::optional<IpAddress>& source) {
  const int type = transport_ == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  fd_.reset(socket(to.ip.is_v6() ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return errno;
  sockaddr_storage address;
  if (source) {
    const socklen_t length = fill_sockaddr(*source, 0, address);
    if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return errno;
  }
  const socklen_t length = fill_sockaddr(to.ip, to.port, address);
  connected_at_once_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
  return connected_at_once_ || errno == EINPROGRESS ? 0 : errno;
}

int SocketStream::begin_connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_abstract = path.starts_with('@');
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  if (!is_abstract && path.find('\0') != std::string::npos) return ENOENT;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (is_abstract) address.sun_path[0] = '\0';
  // A file's name ends in a zero; in a name without a file every byte counts.
  const std::size_t length = offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1);
  fd_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return errno;
  return ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(length)) == 0 ? 0 : errno;
}

void SocketStream::connect(const SocketAddress& to, const std::optional<IpAddress>& source, Done done) {
  await_connection(begin_connect(to, source), std::move(done));
}

void SocketStream::connect_unix(const std::string& path, Done done) {
  await_connection(begin_connect_unix(path), std::move(done));
}

void SocketStream::await_connection(int error, Done done) {
  done_ = std::move(done);
  if (error != 0) {
    later([this, error] { end_step(connect_failure(error)); });
    return;
  }
  step_ = Step::kConnecting;
  wait_for(EPOLLOUT);
}

void SocketStream::finish_connect() {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  end_step(error == 0 ? std::nullopt : std::optional(connect_failure(error)));
}

Status SocketStream::begin_tls(const TlsSettings& settings) {
  HEAL_TRY(const std::shared_ptr<SSL_CTX> context, contexts_.get(settings, loop_.now()));
  ssl_.reset(SSL_new(context.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1) return Error(ErrorCode::kInternal, "cannot start TLS");
  const std::string& name = settings.server_name;
  if (!name.empty() && !IpAddress::parse(name)) SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  if (!name.empty() && !settings.insecure_skip_verify) {
    HEAL_TRY_STATUS(verify_name(SSL_get0_param(ssl_.get()), name));
  }
  keep_refused(ssl_.get(), refused_);
  return {};
}

void SocketStream::start_tls(const TlsSettings& settings, TlsDone done) {
  tls_done_ = std::move(done);
  done_ = [this](std::optional<ProbeFailure> failure) {
    if (turn_) last_turn_ = turn_->state();
    turn_.reset();
    const TlsDone tls_done = std::move(tls_done_);
    TlsFacts facts = failure ? TlsFacts{} : tls_facts(ssl_.get());
    tls_done(std::move(failure), std::move(facts));
  };
  if (const Status begun = begin_tls(settings); !begun.has_value()) {
    later([this, failure = ProbeFailure{ProbePhase::kTls, ProbeReason::kTlsConfig, begun.error().str()}] {
      end_step(failure);
    });
    return;
  }
  step_ = Step::kHandshaking;
  turn_ = turns_.take([this] { handshake(); });
}

void SocketStream::handshake() {
  if (step_ != Step::kHandshaking) return;
  ERR_clear_error();
  errno = 0;
  const int result = SSL_connect(ssl_.get());
  const int saved_errno = errno;
  if (result == 1) return end_step(std::nullopt);
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return wait_for(EPOLLIN);
  if (error == SSL_ERROR_WANT_WRITE) return wait_for(EPOLLOUT);
  ProbeFailure failure = tls_failure(ssl_.get(), error, saved_errno);
  failure.certificate = std::move(refused_);
  end_step(std::move(failure));
}

SocketStream::Moved SocketStream::plain_result(ssize_t bytes, std::uint32_t want_if_blocked) const {
  if (bytes >= 0) return {bytes, 0, {}, {}};
  if (errno == EAGAIN || errno == EINTR) return {-1, want_if_blocked, {}, {}};
  return {-1, 0, reason_of_errno(errno), std::strerror(errno)};
}

SocketStream::Moved SocketStream::tls_result(int result) const {
  if (result > 0) return {result, 0, {}, {}};
  const int saved_errno = errno;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return {-1, EPOLLIN, {}, {}};
  if (error == SSL_ERROR_WANT_WRITE) return {-1, EPOLLOUT, {}, {}};
  if (error == SSL_ERROR_ZERO_RETURN) return {0, 0, {}, {}};
  if (error == SSL_ERROR_SYSCALL && saved_errno != 0) {
    return {-1, 0, reason_of_errno(saved_errno), std::strerror(saved_errno)};
  }
  const bool cut = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  ERR_clear_error();
  // Closing without TLS' own goodbye: the end of the stream to a line reader.
  if (cut || error == SSL_ERROR_SYSCALL) return {0, 0, {}, {}};
  return {-1, 0, ProbeReason::kProtocol, "TLS record that cannot be read"};
}

void SocketStream::write(std::string bytes, Done done) {
  outgoing_ = std::move(bytes);
  written_ = 0;
  done_ = std::move(done);
  step_ = Step::kWriting;
  later([this] { write_some(); });
}

void SocketStream::write_some() {
  while (step_ == Step::kWriting && written_ < outgoing_.size()) {
    const std::size_t left = outgoing_.size() - written_;
    errno = 0;
    const Moved moved = ssl_ ? tls_result(SSL_write(ssl_.get(), outgoing_.data() + written_, static_cast<int>(left)))
                             : plain_result(send(fd_.get(), outgoing_.data() + written_, left, MSG_NOSIGNAL), EPOLLOUT);
    if (moved.bytes < 0 && moved.want != 0) return wait_for(moved.want);
    if (moved.bytes <= 0) {
      const ProbeReason reason = moved.bytes == 0 ? ProbeReason::kClosed : moved.reason;
      return end_step(ProbeFailure{ProbePhase::kSend, reason, fmt::format("send: {}", moved.message)});
    }
    written_ += static_cast<std::size_t>(moved.bytes);
  }
  if (step_ == Step::kWriting) end_step(std::nullopt);
}

void SocketStream::read(ReadDone done) {
  read_done_ = std::move(done);
  step_ = Step::kReading;
  // TLS may hold decrypted bytes that epoll knows nothing of.
  later([this] { read_some(); });
}

void SocketStream::read_some() {
  if (step_ != Step::kReading) return;
  std::array<char, kReadChunk> buffer;
  errno = 0;
  const Moved moved = ssl_ ? tls_result(SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size())))
                           : plain_result(recv(fd_.get(), buffer.data(), buffer.size(), 0), EPOLLIN);
  if (moved.bytes < 0 && moved.want != 0) return wait_for(moved.want);
  step_ = Step::kIdle;
  if (watch_ != 0) loop_.rewatch(watch_, 0);
  const ReadDone done = std::move(read_done_);
  if (moved.bytes < 0) {
    done(ProbeFailure{ProbePhase::kResponse, moved.reason, fmt::format("read: {}", moved.message)}, {});
  } else {
    done(std::nullopt, {buffer.data(), static_cast<std::size_t>(moved.bytes)});
  }
}

}  // namespace heal::system
