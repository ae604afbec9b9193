#include "common/system/tcp_dialer.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "common/base/host_port.h"
#include "common/base/scoped_fd.h"

namespace heal {
namespace {

constexpr std::string_view kUnix = "unix:";

/// A conversation on an open, non-blocking socket.
class Conversation {
 public:
  Conversation(std::string name, int socket, Deadline deadline, std::stop_token stop)
      : name_(std::move(name)),
        socket_(socket),
        deadline_(deadline),
        stop_(std::move(stop)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  Status send_all(std::string_view bytes) {
    const std::stop_callback on_stop(stop_, [this] { wake(); });
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      HEAL_TRY_STATUS(wait(POLLOUT));
    }
    return {};
  }

  Result<std::string> read_all(std::size_t most) {
    const std::stop_callback on_stop(stop_, [this] { wake(); });
    std::string out;
    char buffer[16384];
    for (;;) {
      const ssize_t got = ::recv(socket_, buffer, sizeof(buffer), 0);
      if (got == 0) return out;
      if (got < 0) {
        HEAL_TRY_STATUS(wait(POLLIN));
        continue;
      }
      out.append(buffer, static_cast<std::size_t>(got));
      if (out.size() > most) return make_error(ErrorCode::kTooLarge, "{}: more than {} bytes of answer", name_, most);
    }
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof(one));
  }

  /// After a call that did nothing: until it may do something.
  Status wait(short events) {
    const bool is_later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (!is_later) return make_error(ErrorCode::kUnavailable, "{}: the connection broke", name_);
    if (stop_.stop_requested()) return make_error(ErrorCode::kCancelled, "{}: stopped", name_);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return make_error(ErrorCode::kTimeout, "{}: timed out", name_);
    pollfd watched[2] = {{socket_, events, 0}, {wake_.get(), POLLIN, 0}};
    constexpr std::int64_t kLongest = 60'000;
    (void)::poll(watched, 2, static_cast<int>(std::min<std::int64_t>(left.count(), kLongest)));
    return {};
  }

  const std::string name_;
  const int socket_;
  const Deadline deadline_;
  const std::stop_token stop_;
  const ScopedFd wake_;
};

}  // namespace

Status TcpDialer::connect(const std::string& address, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto parsed, HostPort::parse(address));
  TransferRequest request;
  request.http.url = "http://" + parsed.str();
  request.name = "connect to " + parsed.str();
  request.until = TransferRequest::Until::kConnected;
  HEAL_TRY_STATUS(transfers_.run(request, deadline, std::move(stop)));
  return {};
}

Result<std::string> TcpDialer::exchange(const std::string& address, const std::string& request, Deadline deadline,
                                        std::stop_token stop) {
  TransferRequest transfer;
  transfer.http.url = "http://localhost";
  transfer.name = "connect to " + address;
  transfer.until = TransferRequest::Until::kConnected;
  if (address.starts_with("unix:/")) {
    transfer.http.unix_socket = address.substr(kUnix.size());
  } else {
    HEAL_TRY(const auto parsed, HostPort::parse(address));
    transfer.http.url = "http://" + parsed.str();
  }
  std::string answer;
  transfer.on_connected = [&](int socket) -> Status {
    Conversation conversation(address, socket, deadline, stop);
    HEAL_TRY_STATUS(conversation.send_all(request));
    HEAL_TRY(answer, conversation.read_all(kMostAnswerBytes));
    return {};
  };
  HEAL_TRY_STATUS(transfers_.run(transfer, deadline, stop));
  return answer;
}

}  // namespace heal
