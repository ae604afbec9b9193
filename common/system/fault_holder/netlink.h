#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/scoped_fd.h"

namespace heal {

/// One message to the kernel: a header, a fixed part, attributes. Attributes nest; lengths are kept right.
class NetlinkMessage {
 public:
  /// `fixed`: the bytes that the type wants in front of its attributes.
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string_view fixed);

  NetlinkMessage& bytes(std::uint16_t type, std::string_view value);
  NetlinkMessage& text(std::uint16_t type, std::string_view value);  ///< with its ending zero
  NetlinkMessage& host32(std::uint16_t type, std::uint32_t value);
  NetlinkMessage& net32(std::uint16_t type, std::uint32_t value);
  NetlinkMessage& nest(std::uint16_t type, const std::function<void(NetlinkMessage&)>& inside);
  /// As nest(), of an attribute that is not flagged as one that nests, with `head` in front of those inside.
  NetlinkMessage& block(std::uint16_t type, std::string_view head, const std::function<void(NetlinkMessage&)>& inside);

  /// As it is sent, with its number in the conversation.
  std::string text_with(std::uint32_t sequence) const;

 private:
  std::string data_;
};

/// The bytes of a plain struct.
template <typename T>
std::string_view raw_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

/// A socket of one family of netlink.
class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open(int protocol);

  /// Sends them in one piece, and waits for the answer to each that asks for one: 0, or the first errno.
  Result<int> ask(const std::vector<NetlinkMessage>& messages);
  /// Asks for a list: each entry's type and bytes after the header.
  Status dump(const NetlinkMessage& message, const std::function<void(std::uint16_t, std::string_view)>& on_entry);

 private:
  explicit NetlinkSocket(ScopedFd socket) : socket_(std::move(socket)) {}
  Status send(const std::string& text);
  Result<std::string> receive();

  ScopedFd socket_;
  std::uint32_t sequence_ = 0;
};

/// The value of an attribute among `attributes`; "" when there is none.
std::string_view find_attribute(std::string_view attributes, std::uint16_t type);

}  // namespace heal
