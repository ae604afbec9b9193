#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

#include "common/httpd/connection.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

}  // namespace

Transport::Transport(ScopedFd fd, std::shared_ptr<const TlsContext> tls) : fd_(std::move(fd)) {
  if (tls != nullptr) tls_ = std::make_unique<TlsSession>(std::move(tls));
}

Transport::Io Transport::read(std::string& plain) {
  char buffer[kReadBytes];
  ssize_t count = 0;
  do {
    count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return Io::kEof;
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Io::kBlocked : Io::kFailed;
  const std::string_view bytes(buffer, static_cast<std::size_t>(count));
  if (tls_ == nullptr) {
    plain.append(bytes);
    return Io::kOk;
  }
  const auto state = tls_->receive(bytes, plain, out_);
  if (state == TlsSession::State::kFailed) {
    flush();  // the alert
    return Io::kFailed;
  }
  if (flush() == Io::kFailed) return Io::kFailed;
  return state == TlsSession::State::kPeerClosed ? Io::kEof : Io::kOk;
}

Transport::Io Transport::queue(std::string_view plain) {
  if (tls_ == nullptr) {
    out_.append(plain);
    return Io::kOk;
  }
  return tls_->send(plain, out_) == TlsSession::State::kOpen ? Io::kOk : Io::kFailed;
}

Transport::Io Transport::flush() {
  while (sent_ < out_.size()) {
    const ssize_t count = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Io::kBlocked : Io::kFailed;
    sent_ += static_cast<std::size_t>(count);
  }
  out_.clear();
  sent_ = 0;
  return Io::kOk;
}

void Transport::finish() {
  if (tls_ != nullptr) {
    tls_->close(out_);
    flush();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace heal::httpd
