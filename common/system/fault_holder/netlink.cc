#include "common/system/fault_holder/netlink.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <utility>

namespace heal {
namespace {

constexpr std::size_t kAlign = 4;

void pad(std::string& data) {
  data.resize((data.size() + kAlign - 1) / kAlign * kAlign, '\0');
}

/// Puts the length into the two bytes at `at`.
void set_length(std::string& data, std::size_t at) {
  const auto length = static_cast<std::uint16_t>(data.size() - at);
  std::memcpy(data.data() + at, &length, sizeof length);
}

/// Calls `on_message` for each message in `text`, until it says that it has had enough.
template <typename OnMessage>
void each_message(std::string_view text, OnMessage on_message) {
  while (text.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, text.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > text.size()) return;
    if (!on_message(header, text.substr(sizeof header, header.nlmsg_len - sizeof header))) return;
    text.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), text.size()));
  }
}

int error_in(std::string_view payload) {
  int code = 0;
  if (payload.size() >= sizeof code) std::memcpy(&code, payload.data(), sizeof code);
  return -code;
}

}  // namespace

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string_view fixed) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  data_ = raw_bytes(header);
  data_ += fixed;
  pad(data_);
}

NetlinkMessage& NetlinkMessage::block(std::uint16_t type, std::string_view head,
                                      const std::function<void(NetlinkMessage&)>& inside) {
  const std::size_t at = data_.size();
  const std::array<std::uint16_t, 2> header{0, type};
  data_ += raw_bytes(header);
  data_ += head;
  if (inside) {
    pad(data_);
    inside(*this);
  }
  set_length(data_, at);
  pad(data_);
  return *this;
}

NetlinkMessage& NetlinkMessage::bytes(std::uint16_t type, std::string_view value) {
  return block(type, value, {});
}

NetlinkMessage& NetlinkMessage::text(std::uint16_t type, std::string_view value) {
  return bytes(type, std::string(value) + '\0');
}

NetlinkMessage& NetlinkMessage::host32(std::uint16_t type, std::uint32_t value) {
  return bytes(type, raw_bytes(value));
}

NetlinkMessage& NetlinkMessage::net32(std::uint16_t type, std::uint32_t value) {
  return host32(type, htonl(value));
}

NetlinkMessage& NetlinkMessage::nest(std::uint16_t type, const std::function<void(NetlinkMessage&)>& inside) {
  return block(static_cast<std::uint16_t>(type | NLA_F_NESTED), "", inside);
}

std::string NetlinkMessage::text_with(std::uint32_t sequence) const {
  std::string text = data_;
  nlmsghdr header{};
  std::memcpy(&header, text.data(), sizeof header);
  header.nlmsg_len = static_cast<std::uint32_t>(text.size());
  header.nlmsg_seq = sequence;
  std::memcpy(text.data(), &header, sizeof header);
  return text;
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  ScopedFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const timeval patience{5, 0};
  const bool is_good = socket &&
                       ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;
  if (!is_good) return errno_error(errno, "netlink");
  return NetlinkSocket(std::move(socket));
}

Status NetlinkSocket::send(const std::string& text) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto sent =
      ::sendto(socket_.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent == static_cast<ssize_t>(text.size())) return {};
  return errno_error(errno, "netlink");
}

Result<std::string> NetlinkSocket::receive() {
  std::string text(1 << 16, '\0');
  ssize_t got = -1;
  while ((got = ::recv(socket_.get(), text.data(), text.size(), 0)) < 0 && errno == EINTR) {
  }
  if (got < 0) return errno_error(errno, "netlink");
  text.resize(static_cast<std::size_t>(got));
  return text;
}

Result<int> NetlinkSocket::ask(const std::vector<NetlinkMessage>& messages) {
  std::string text;
  const std::uint32_t before = sequence_;
  std::uint32_t last = 0;
  for (const NetlinkMessage& message : messages) {
    const std::string one = message.text_with(++sequence_);
    nlmsghdr header{};
    std::memcpy(&header, one.data(), sizeof header);
    if ((header.nlmsg_flags & NLM_F_ACK) != 0) last = sequence_;
    text += one;
  }
  HEAL_TRY_STATUS(send(text));
  int first = 0;
  bool is_over = false;
  while (!is_over) {
    HEAL_TRY(const std::string answer, receive());
    each_message(answer, [&](const nlmsghdr& header, std::string_view payload) {
      // What an earlier batch was answered late is not for this one.
      if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq <= before) return true;
      if (first == 0) first = error_in(payload);
      // A batch that is refused as a whole is answered for once.
      is_over = is_over || header.nlmsg_seq >= last || first != 0;
      return true;
    });
  }
  return first;
}

Status NetlinkSocket::dump(const NetlinkMessage& message,
                           const std::function<void(std::uint16_t, std::string_view)>& on_entry) {
  HEAL_TRY_STATUS(send(message.text_with(++sequence_)));
  int error = 0;
  bool is_over = false;
  while (!is_over) {
    HEAL_TRY(const std::string answer, receive());
    each_message(answer, [&](const nlmsghdr& header, std::string_view payload) {
      is_over = header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
      if (header.nlmsg_type == NLMSG_ERROR) error = error_in(payload);
      if (!is_over) on_entry(header.nlmsg_type, payload);
      return !is_over;
    });
  }
  return error == 0 ? Status() : Status(errno_error(error, "netlink"));
}

std::string_view find_attribute(std::string_view attributes, std::uint16_t type) {
  while (attributes.size() >= 4) {
    std::array<std::uint16_t, 2> header{};
    std::memcpy(header.data(), attributes.data(), sizeof header);
    if (header[0] < 4 || header[0] > attributes.size()) return {};
    if ((header[1] & NLA_TYPE_MASK) == type) return attributes.substr(4, header[0] - 4);
    attributes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header[0]), attributes.size()));
  }
  return {};
}

}  // namespace heal
